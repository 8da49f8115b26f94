-- Credentials whose ends have come into the windows of their tenants. $1 ledger, $2 the instant; then tenants, and of each the ends that are
-- looked at: $3 the tenants, $4 and $5 an end and an id that lie before them, $6 the last end; $7 rows
select looked_at.place, due.id, due.version, due.expires_at_ms
  from unnest($3::uuid[], $4::bigint[], $5::uuid[], $6::bigint[])
         with ordinality as looked_at(tenant_id, after_ms, after_id, until_ms, place)
  cross join lateral (
    select c.id, c.version, c.expires_at_ms
      from credledger.credentials c
      -- The sum keeps the planner from looking through all halves that came by, once for each tenant.
      where c.ledger_id = $1 and c.tenant_id = looked_at.tenant_id
        and c.warnable_from_ms is not null and c.warnable_from_ms + 0 <= $2
        and (c.expires_at_ms, c.id) > (looked_at.after_ms, looked_at.after_id) and c.expires_at_ms <= looked_at.until_ms
      order by c.expires_at_ms, c.id
      limit $7
  ) as due
  order by looked_at.place, due.expires_at_ms, due.id
  limit $7
