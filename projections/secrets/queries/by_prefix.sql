-- $1 ledger, $2 tenant, $3 how the prefix begins, $4 rows. A range of bytes instead of LIKE: it keeps its index in a prepared plan.
select id, credential_id, prefix, ends_at_ms
  from credledger.secrets
  where ledger_id = $1 and tenant_id = $2 and prefix ~>=~ $3 and prefix ~<~ ($3 || chr(1114111))
  order by prefix using ~<~
  limit $4
