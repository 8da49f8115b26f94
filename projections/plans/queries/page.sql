-- A page of plans by name. $1 ledger, $2 the last name of the page before (empty for the first page), $3 rows
select id, name
  from credledger.plans
  where ledger_id = $1 and name collate "C" > $2
  order by name collate "C"
  limit $3
