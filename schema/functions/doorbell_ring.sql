-- Tells every session that listens that there is something new. `who` rang is for those who would not hear themselves.
create or replace function credledger.doorbell_ring(who text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $function$
  select pg_notify('credledger_doorbell', who)
$function$;
