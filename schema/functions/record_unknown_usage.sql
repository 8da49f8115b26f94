-- Adds what a node counted of calls with no known credential, and what it could not count. False: this flush was brought before, and
-- nothing is added.
create or replace function credledger.record_unknown_usage(
  ledger int, flush uuid, tenants uuid[], hours_ms bigint[], outcomes text[], counts bigint[],
  missing_of uuid[], missing_from_ms bigint[], missing_to_ms bigint[], missing_counts bigint[]
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  insert into credledger.usage_flushes (ledger_id, flush_id) values (ledger, flush) on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into credledger.usage_unknown as u (ledger_id, tenant_id, hour_ms, outcome, calls)
    select ledger, c.tenant, c.hour_ms, c.outcome, sum(c.calls)
      from unnest(tenants, hours_ms, outcomes, counts) as c (tenant, hour_ms, outcome, calls)
      group by 1, 2, 3, 4
      order by 1, 2, 3, 4
    on conflict (ledger_id, tenant_id, hour_ms, outcome) do update set calls = u.calls + excluded.calls;
  insert into credledger.usage_missing (ledger_id, flush_id, tenant_id, from_ms, to_ms, calls)
    select ledger, flush, m.* from unnest(missing_of, missing_from_ms, missing_to_ms, missing_counts) m;
  return true;
end
$function$;
