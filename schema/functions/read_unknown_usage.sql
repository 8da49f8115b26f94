-- Calls with no known credential in a range of hours, of all that whoever asks may see: one tenant's, or everybody's; and, with a
-- flush_id and nothing else, which of some flushes are in it.
create or replace function credledger.read_unknown_usage(
  ledger int, from_ms bigint, to_ms bigint, flushes uuid[], at_most int
) returns table (flush_id uuid, hour_ms bigint, outcome text, calls bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::bigint, null::text, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  (select null::uuid, u.hour_ms, u.outcome, sum(u.calls)::bigint
    from credledger.usage_unknown u
    where u.ledger_id = ledger and u.hour_ms >= from_ms and u.hour_ms < to_ms
    group by u.hour_ms, u.outcome
    limit at_most);
end;
