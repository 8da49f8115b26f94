-- Deletes sessions that are over, and sign-ins that nobody could complete any more, at most so many of each; returns how many went.
create or replace function credledger.forget_sessions(ledger int, now_ms bigint, at_most int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  forgotten bigint;
  more bigint;
begin
  delete from credledger.sessions s
    where s.ctid = any (array(
      select o.ctid from credledger.sessions o
        where o.ledger_id = ledger and o.ends_at_ms <= now_ms
        order by o.ends_at_ms limit at_most for update skip locked));
  get diagnostics forgotten = row_count;
  delete from credledger.spent_sign_ins s
    where s.ctid = any (array(
      select o.ctid from credledger.spent_sign_ins o
        where o.ledger_id = ledger and o.ends_at_ms <= now_ms
        order by o.ends_at_ms limit at_most for update skip locked));
  get diagnostics more = row_count;
  return greatest(forgotten, more);
end
$function$;
