-- Who may sign in as these: the operator of this identity, and invitations to these addresses that nobody has accepted: those that
-- hold before those that were withdrawn, those that reach all tenants before others, and the newest first.
-- $1 ledger, $2 a keyed digest of the identity, $3 keyed digests of its verified addresses, $4 rows
select o.id
  from credledger.operators o
  where o.ledger_id = $1 and o.identity = $2
union all
(select o.id
  from credledger.operators o
  where o.ledger_id = $1 and o.invited_as = any ($3::text[])
  order by o.disabled, o.all_tenants desc, o.id desc
  limit $4)
