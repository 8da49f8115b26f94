-- A page of a tenant's members, newest first: their ids begin with the time they were made at. $1 ledger, $2 tenant, $3 the last
-- row of the page before (the highest value for the first page), $4 rows; then the filters, each null when it is not asked for:
-- $5 status, $6 name
select m.id
  from credledger.members m
  where m.ledger_id = $1 and m.tenant_id = $2 and m.id < $3
    and ($5::text is null or $5 = case when m.disabled then 'disabled' else 'active' end)
    -- Asked for as a value, not by exists: the planner would read all names there are into a hash.
    and ($6::text is null or $6 = (
      select p.slots->'name'->>1 from credledger.personal p
        where p.ledger_id = m.ledger_id and p.stream_id = m.id and p.version = m.name_version))
  order by m.id desc
  limit $4
