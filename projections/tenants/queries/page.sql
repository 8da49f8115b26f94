-- A page of tenants by slug. $1 ledger, $2 the last slug of the page before (empty for the first page), $3 rows,
-- $4 the tenants that may be seen; null: all
select id, slug
  from credledger.tenants
  where ledger_id = $1 and slug collate "C" > $2 and ($4::uuid[] is null or id = any ($4))
  order by slug collate "C"
  limit $3
