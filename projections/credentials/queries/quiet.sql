-- Credentials of which a window may be closed because its secret is not used, the one first that has been so for the longest.
-- $1 ledger, $2 the instant, $3 and $4 the last row of the page before (the lowest values for the first page), $5 rows
select id, tenant_id, quiet_from_ms, version
  from credledger.credentials
  where ledger_id = $1 and quiet_from_ms <= $2 and (quiet_from_ms, id) > ($3, $4)
  order by quiet_from_ms, id
  limit $5
