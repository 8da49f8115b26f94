-- From now on this session hears the doorbell of every ledger here.
create or replace function credledger.doorbell_listen() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  listen credledger_doorbell;
end
$function$;
