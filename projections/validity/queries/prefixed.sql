-- Credentials of a tenant that have a secret whose prefix, or whose client's id, begins so: one may be there several times.
-- $1 ledger, $2 tenant, $3 how it begins, $4 at most
(select s.credential_id from credledger.secrets s
  where s.ledger_id = $1 and s.tenant_id = $2 and s.prefix ~>=~ $3 and s.prefix ~<~ ($3 || chr(1114111))
  limit $4)
union all
(select s.credential_id from credledger.secrets s
  where s.ledger_id = $1 and s.tenant_id = $2 and s.client_id ~>=~ $3 and s.client_id ~<~ ($3 || chr(1114111))
  limit $4)
limit $4
