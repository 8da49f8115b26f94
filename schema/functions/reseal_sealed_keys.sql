-- Puts private halves sealed anew in the place of the same ones sealed before; one that has changed or gone meanwhile stays so.
-- Returns how many were replaced.
create or replace function credledger.reseal_sealed_keys(ledger int, kids text[], before bytea[], anew bytea[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  replaced bigint;
begin
  update credledger.sealed_keys k
    set sealed = r.anew
    from unnest(kids, before, anew) as r(kid, before, anew)
    where k.ledger_id = ledger and k.kid = r.kid and k.sealed = r.before;
  get diagnostics replaced = row_count;
  return replaced;
end
$function$;
