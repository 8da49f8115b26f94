-- Ends one session.
create or replace function credledger.end_session(ledger int, of_digest bytea) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  delete from credledger.sessions s where s.ledger_id = ledger and s.digest = of_digest;
end;
