copy (select id, tenant_id, version, record, mac, null::text from credledger.imports where ledger_id = 1) to stdout (format binary)
