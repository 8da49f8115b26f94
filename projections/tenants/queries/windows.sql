-- Tenants, and how long before its end each is warned of a credential. $1 ledger, $2 the last tenant of the page before (the lowest id for
-- the first page), $3 rows
select id, expiry_warning_ms
  from credledger.tenants
  where ledger_id = $1 and id > $2
  order by id
  limit $3
