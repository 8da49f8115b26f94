-- Who may sign in as these: the operator of this identity, and open invitations to these addresses, newest first.
-- $1 ledger, $2 a keyed digest of the identity, $3 keyed digests of its verified addresses, $4 rows
select o.id
  from credledger.operators o
  where o.ledger_id = $1 and o.identity = $2
union all
(select o.id
  from credledger.operators o
  where o.ledger_id = $1 and o.invited_as = any ($3::text[])
  order by o.id desc
  limit $4)
