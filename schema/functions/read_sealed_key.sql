-- The private half of this key, as it was sealed.
create or replace function credledger.read_sealed_key(ledger int, of_kid text) returns table (sealed bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select k.sealed
    from credledger.sealed_keys k
    where k.ledger_id = ledger and k.kid = of_kid;
end;
