-- Which secrets of a tenant begin so: one, unless clients' do, which are told apart by their ids.
select credential_id, id from credledger.secrets
  where ledger_id = $1 and tenant_id = $2 and prefix = $3
  order by id
  limit $4
