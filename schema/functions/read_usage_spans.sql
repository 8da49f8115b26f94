-- Which processes counted since an instant, those that ended last first.
create or replace function credledger.read_usage_spans(ledger int, since_ms bigint, at_most int)
returns table (boot uuid, from_ms bigint, brought_ms bigint, over_ms bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select s.boot, s.from_ms, s.brought_ms, s.over_ms
    from credledger.usage_spans s
    where s.ledger_id = ledger and coalesce(s.over_ms, 9223372036854775807) >= since_ms
    order by coalesce(s.over_ms, 9223372036854775807) desc
    limit at_most;
end;
