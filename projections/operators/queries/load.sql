copy (select id, tenant_id, version, record, mac from credledger.operators where ledger_id = 1) to stdout (format binary)
