copy (select id, tenant_id, version, record, mac, null::text from credledger.signing_keys where ledger_id = 1) to stdout (format binary)
