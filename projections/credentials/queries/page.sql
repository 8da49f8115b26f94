-- $1 ledger, $2 tenant, $3 and $4 the last row of the page before (the highest values for the first page), $5 rows
select id, version, record, mac, created_at_ms, name_version
  from credledger.credentials
  where ledger_id = $1 and tenant_id = $2 and (created_at_ms, id) < ($3, $4)
  order by created_at_ms desc, id desc
  limit $5
