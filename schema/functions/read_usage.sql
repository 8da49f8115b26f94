-- What one credential's secrets were used for in a range of hours or of days; and, with a flush_id and nothing else, which of some
-- flushes are in it.
create or replace function credledger.read_usage(
  ledger int, tenant uuid, credential uuid, days boolean, from_ms bigint, to_ms bigint, flushes uuid[], at_most int
) returns table (flush_id uuid, secret_id uuid, start_ms bigint, operation text, outcome text, calls bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::uuid, null::bigint, null::text, null::text, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  (select null::uuid, u.secret_id, u.start_ms, u.operation, u.outcome, sum(u.calls)::bigint
    from (
      select c.secret_id, c.start_ms, c.operation, c.outcome, c.calls
        from credledger.usage_of_credentials c
        where c.ledger_id = ledger and c.tenant_id = tenant and c.credential_id = credential and c.by_day = days
          and c.start_ms >= from_ms and c.start_ms < to_ms
      union all
      select d.secret_id, case when days then d.hour_ms - d.hour_ms % 86400000 else d.hour_ms end, d.operation, d.outcome, d.calls
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential
          and d.hour_ms >= from_ms and d.hour_ms < to_ms
    ) u
    group by u.secret_id, u.start_ms, u.operation, u.outcome
    limit at_most);
end;
