-- Credentials of which a warning may be due by the half of their lives, in the order in which that came; each with the instant from which on
-- its tenant is warned, which may be still to come.
-- $1 ledger, $2 the instant, $3 and $4 the last row of the page before, or where the page begins, $5 rows
select c.id, c.tenant_id, c.version, c.warnable_from_ms,
       greatest(c.warnable_from_ms, c.expires_at_ms - t.expiry_warning_ms) as due_at_ms
  from credledger.credentials c
  join credledger.tenants t on t.ledger_id = c.ledger_id and t.id = c.tenant_id
  where c.ledger_id = $1 and c.warnable_from_ms <= $2 and (c.warnable_from_ms, c.id) > ($3, $4)
  order by c.warnable_from_ms, c.id
  limit $5
