-- A page of a tenant's erasures, or of the platform's, newest first: their ids begin with the time they were made at. $1 ledger,
-- $2 the tenant (all zeros for the platform), $3 the last row of the page before (the highest value for the first page), $4 rows
select id
  from credledger.erasures
  where ledger_id = $1 and under_id = $2 and id < $3
  order by id desc
  limit $4
