-- Where those end that a page of of_owner.sql looks at. $1 ledger, $2 tenant, $3 the kind, $4 and $5 the last row of the page before,
-- $6 how many periods are looked at, less one; $7 the position, $8 the member
select p.credential_id, p.created_at_ms
  from credledger.validity p
  where p.ledger_id = $1 and p.tenant_id = $2 and p.owner_id = $8 and p.kind = $3 and (p.created_at_ms, p.credential_id) < ($4, $5)
    and p.from_position <= $7
  order by p.created_at_ms desc, p.credential_id desc, p.from_position desc
  offset $6 limit 1
