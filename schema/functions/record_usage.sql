-- Adds what a node counted of known secrets: one row a place of the lists. False: this flush was brought before, and nothing is added.
create or replace function credledger.record_usage(
  ledger int, flush uuid, tenants uuid[], credentials uuid[], secrets uuid[], hours_ms bigint[], operations text[],
  outcomes text[], counts bigint[], firsts_ms bigint[], lasts_ms bigint[], addresses inet[], left_out boolean[]
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  -- One that is still on its way is waited for.
  insert into credledger.usage_flushes (ledger_id, flush_id) values (ledger, flush) on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into credledger.usage_deltas (
      ledger_id, tenant_id, credential_id, secret_id, hour_ms, operation, outcome, calls, first_at_ms, last_at_ms, client_ip,
      address_left_out)
    select ledger, c.*
      from unnest(tenants, credentials, secrets, hours_ms, operations, outcomes, counts, firsts_ms, lasts_ms, addresses, left_out) c;
  -- In one order, so that two nodes never wait for each other.
  insert into credledger.usage_of_tenants as u (ledger_id, tenant_id, by_day, start_ms, operation, outcome, calls)
    select ledger, c.tenant, d.by_day, case when d.by_day then c.hour_ms - c.hour_ms % 86400000 else c.hour_ms end as start_ms,
           c.operation, c.outcome, sum(c.calls)
      from unnest(tenants, hours_ms, operations, outcomes, counts) as c (tenant, hour_ms, operation, outcome, calls),
           (values (false), (true)) as d (by_day)
      group by 1, 2, 3, 4, 5, 6
      order by 1, 2, 3, 4, 5, 6
    on conflict (ledger_id, tenant_id, by_day, start_ms, operation, outcome) do update set calls = u.calls + excluded.calls;
  return true;
end
$function$;
