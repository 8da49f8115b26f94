copy (
  select o.id, o.tenant_id, o.version, o.record, o.mac, p.slots->'name'->>1
    from credledger.operators o
    left join credledger.personal p on p.ledger_id = o.ledger_id and p.stream_id = o.id and p.version = o.name_version
    where o.ledger_id = 1
) to stdout (format binary)
