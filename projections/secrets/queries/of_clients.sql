-- The ids that go with clients' secrets that begin so, of whatever tenant; the newest first.
select client_id from credledger.secrets
  where ledger_id = $1 and client_id is not null and prefix = $2
  order by id desc
  limit $3
