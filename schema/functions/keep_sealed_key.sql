-- Keeps a private half under its key's name; one that is there already is sealed anew. False: there are so many that no event
-- names that this one would be too many.
create or replace function credledger.keep_sealed_key(
  ledger int, of_kid text, seal bytea, now_ms bigint, at_most int
) returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  if (select count(*) from credledger.sealed_keys k where k.ledger_id = ledger) >= at_most then
    return false;
  end if;
  insert into credledger.sealed_keys (ledger_id, kid, sealed, kept_at_ms)
    values (ledger, of_kid, seal, now_ms)
    on conflict (ledger_id, kid) do update set sealed = excluded.sealed, kept_at_ms = excluded.kept_at_ms;
  return true;
end
$function$;
