-- Forgets which flushes were brought, of those older than one that nobody brings again; at most so many. Their ids are in order of time.
create or replace function credledger.forget_usage_flushes(ledger int, before uuid, at_most int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  forgotten bigint;
begin
  delete from credledger.usage_flushes f
    where f.ctid = any (array(
      select o.ctid from credledger.usage_flushes o
        where o.ledger_id = ledger and o.flush_id < before
        order by o.flush_id limit at_most for update skip locked));
  get diagnostics forgotten = row_count;
  return forgotten;
end
$function$;
