-- A page of a tenant's members, newest first. $1 ledger, $2 tenant, $3 and $4 the last row of the page before (the highest
-- values for the first page), $5 rows, $6 whether they are disabled; null: both
select id, created_at_ms
  from credledger.members
  where ledger_id = $1 and tenant_id = $2 and (created_at_ms, id) < ($3, $4) and ($6::boolean is null or disabled = $6)
  order by created_at_ms desc, id desc
  limit $5
