-- A page of operators, newest first: their ids begin with the time they were made at. Row-level security leaves those whose
-- whole reach the reader has. $1 ledger, $2 the last row of the page before (the highest value for the first page), $3 rows;
-- then the filters, each null when it is not asked for: $4 role, $5 status, $6 name, $7 how a token's prefix begins
select o.id
  from credledger.operators o
  where o.ledger_id = $1 and o.id < $2
    and ($4::text is null or o.role = $4)
    and ($5::text is null or $5 = case when o.disabled then 'disabled' when o.invited_as is null then 'active' else 'invited' end)
    and ($7::text is null or o.id in (
      select k.operator_id from credledger.operator_tokens k
        where k.ledger_id = $1 and k.prefix ~>=~ $7 and k.prefix ~<~ ($7 || chr(1114111))))
    -- Asked for as a value, not by exists: the planner would read all names there are into a hash.
    and ($6::text is null or $6 = (
      select p.slots->'name'->>1 from credledger.personal p
        where p.ledger_id = o.ledger_id and p.stream_id = o.id and p.version = o.name_version))
  order by o.id desc
  limit $3
