-- Deletes stored answers older than the given time, at most so many; returns how many went.
create or replace function credledger.forget_answers(ledger int, older_than_ms bigint, at_most int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  forgotten bigint;
begin
  delete from credledger.idempotency i
    where i.ctid = any (array(
      select o.ctid from credledger.idempotency o
        where o.ledger_id = ledger and o.at_ms < older_than_ms
        order by o.at_ms limit at_most for update skip locked));
  get diagnostics forgotten = row_count;
  return forgotten;
end
$function$;
