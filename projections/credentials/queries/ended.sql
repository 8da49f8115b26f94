-- Credentials of one tenant that have expired, which housekeeping has not recorded yet. $1 ledger, $2 tenant, $3 the instant, $4 rows
select id
  from credledger.credentials
  where ledger_id = $1 and tenant_id = $2 and due_at_ms <= $3 and expires_at_ms <= $3
  order by due_at_ms
  limit $4
