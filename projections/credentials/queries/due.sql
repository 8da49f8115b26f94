-- $1 ledger, $2 the instant, $3 rows
select id, tenant_id, version, due_at_ms
  from credledger.credentials
  where ledger_id = $1 and due_at_ms <= $2
  order by due_at_ms
  limit $3
