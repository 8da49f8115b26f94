-- Where those end that a page of page.sql looks at. $1 ledger, $2 tenant, $3 the kind, $4 and $5 the last row of the page before, $6 how many
-- credentials are looked at, less one
select c.id, c.created_at_ms
  from credledger.credentials c
  where c.ledger_id = $1 and c.tenant_id = $2 and c.kind = $3 and (c.created_at_ms, c.id) < ($4, $5)
  order by c.created_at_ms desc, c.id desc
  offset $6 limit 1
