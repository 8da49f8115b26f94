-- A page of private halves as they were sealed, from behind the named one on: for sealing them anew.
create or replace function credledger.read_sealed_keys(ledger int, after_kid text, at_most int)
returns table (kid text, sealed bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select k.kid, k.sealed
    from credledger.sealed_keys k
    where k.ledger_id = ledger and k.kid > after_kid
    order by k.kid
    limit at_most;
end;
