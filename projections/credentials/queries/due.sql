-- $1 ledger, $2 the instant, $3 and $4 the last row of the page before (the lowest values for the first page), $5 rows
select id, tenant_id, due_at_ms, version
  from credledger.credentials
  where ledger_id = $1 and due_at_ms <= $2 and (due_at_ms, id) > ($3, $4)
  order by due_at_ms, id
  limit $5
