copy (
  select id, tenant_id, version, record, mac, null::text
    from credledger.revoked_tokens
    where ledger_id = 1 and ends_at_ms > (extract(epoch from clock_timestamp()) * 1000)::bigint
) to stdout (format binary)
