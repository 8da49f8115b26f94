copy (select id, tenant_id, version, record, mac, name_version from credledger.credentials where ledger_id = 1) to stdout (format binary)
