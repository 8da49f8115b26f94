-- Calls with no known credential in a range of hours: those that named a tenant, or all where it is null; and, with a flush_id and
-- nothing else, which of some flushes are in it.
create or replace function credledger.read_unknown_usage(
  ledger int, tenant uuid, from_ms bigint, to_ms bigint, flushes uuid[], at_most int
) returns table (flush_id uuid, hour_ms bigint, outcome text, calls bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::bigint, null::text, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  (select null::uuid, u.hour_ms, u.outcome, sum(u.calls)::bigint
    from (
      select n.hour_ms, n.outcome, n.calls
        from credledger.usage_unknown n
        where n.ledger_id = ledger and n.tenant_id = tenant and n.hour_ms >= from_ms and n.hour_ms < to_ms
      union all
      select n.hour_ms, n.outcome, n.calls
        from credledger.usage_unknown n
        where tenant is null and n.ledger_id = ledger and n.hour_ms >= from_ms and n.hour_ms < to_ms
    ) u
    group by u.hour_ms, u.outcome
    limit at_most);
end;
