-- Forgets private halves of all keys but these: at once those of keys that are over, and of others those that were kept before
-- that moment, so that none is forgotten whose event is still on its way. Returns how many went.
drop function if exists credledger.forget_sealed_keys(int, text[], bigint);
create or replace function credledger.forget_sealed_keys(
  ledger int, but_kids text[], over_kids text[], before_ms bigint
) returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  forgotten bigint;
begin
  delete from credledger.sealed_keys k
    where k.ledger_id = ledger and k.kid <> all (but_kids)
      and (k.kid = any (over_kids) or k.kept_at_ms < before_ms);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$function$;
