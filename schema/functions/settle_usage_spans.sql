-- A process without a lease answers nothing any more: its span is over, however it ended. Which is told by whoever goes on. Spans that
-- were over before an instant are forgotten, at most so many.
create or replace function credledger.settle_usage_spans(ledger int, own_boot uuid, before_ms bigint, at_most int) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  now_ms bigint := floor(extract(epoch from clock_timestamp()) * 1000);
begin
  update credledger.usage_spans s set over_ms = greatest(now_ms, s.brought_ms)
    where s.ledger_id = ledger and coalesce(s.over_ms, 9223372036854775807) = 9223372036854775807 and s.boot <> own_boot
      and not exists (
        select from credledger.nodes n where n.ledger_id = ledger and n.boot = s.boot and n.expires_at_ms > now_ms);
  delete from credledger.usage_spans s
    where s.ctid = any (array(
      select o.ctid from credledger.usage_spans o
        where o.ledger_id = ledger and coalesce(o.over_ms, 9223372036854775807) < before_ms
        order by coalesce(o.over_ms, 9223372036854775807) limit at_most for update skip locked));
end
$function$;
