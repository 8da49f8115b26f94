-- What a tenant's credentials were used for in a range of hours or of days; and, with a flush_id and nothing else, which of some
-- flushes are in it.
create or replace function credledger.read_tenant_usage(
  ledger int, tenant uuid, days boolean, from_ms bigint, to_ms bigint, flushes uuid[], at_most int
) returns table (flush_id uuid, start_ms bigint, operation text, outcome text, calls bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::bigint, null::text, null::text, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  (select null::uuid, u.start_ms, u.operation, u.outcome, u.calls
    from credledger.usage_of_tenants u
    where u.ledger_id = ledger and u.tenant_id = tenant and u.by_day = days and u.start_ms >= from_ms and u.start_ms < to_ms
    limit at_most);
end;
