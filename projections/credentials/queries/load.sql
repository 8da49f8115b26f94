copy (
  select c.id, c.tenant_id, c.version, c.record, c.mac, p.slots->'name'->>1
    from credledger.credentials c
    left join credledger.personal p
      on p.ledger_id = c.ledger_id and p.stream_id = c.id and p.version = c.name_version
    where c.ledger_id = 1
) to stdout (format binary)
