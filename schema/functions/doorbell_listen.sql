-- From now on this session hears the doorbell of every ledger here. A ring holds nothing that must last, so it does not wait
-- for the disk.
create or replace function credledger.doorbell_listen() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  perform set_config('synchronous_commit', 'off', false);
  listen credledger_doorbell;
end
$function$;
