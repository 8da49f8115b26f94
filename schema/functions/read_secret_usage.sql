-- What one secret was used for, from a day on and before an hour, by operation and outcome, the most frequent first: whole days, and hours of the day that
-- `day_ms` begins. Of the days `looked_most` rows of the credential are looked at, the latest first; where there are as many, a row without
-- a count says from which day on was looked. And, with a flush_id and nothing else, which of some flushes are in it.
create or replace function credledger.read_secret_usage(
  ledger int, tenant uuid, credential uuid, secret uuid, from_ms bigint, day_ms bigint, to_ms bigint, flushes uuid[], looked_most int,
  at_most int
) returns table (flush_id uuid, operation text, outcome text, calls bigint, first_ms bigint, last_ms bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  with looked as materialized (
    select c.secret_id, c.start_ms, c.operation, c.outcome, c.calls
      from credledger.usage_of_credentials c
      where c.ledger_id = ledger and c.tenant_id = tenant and c.credential_id = credential and c.by_day
        and c.start_ms >= from_ms and c.start_ms < day_ms
      order by c.start_ms desc
      limit looked_most
  )
  select f.flush_id, null::text, null::text, null::bigint, null::bigint, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  select null::uuid, null::text, null::text, null::bigint, min(l.start_ms), null::bigint
    from looked l
    having count(*) >= looked_most
  union all
  (select null::uuid, u.operation, u.outcome, sum(u.calls)::bigint, min(u.start_ms), max(u.start_ms)
    from (
      select l.start_ms, l.operation, l.outcome, l.calls
        from looked l
        where l.secret_id = secret
      union all
      select c.start_ms, c.operation, c.outcome, c.calls
        from credledger.usage_of_credentials c
        where c.ledger_id = ledger and c.tenant_id = tenant and c.credential_id = credential and not c.by_day
          and c.start_ms >= day_ms and c.start_ms >= from_ms and c.start_ms < to_ms and c.secret_id = secret
      union all
      select d.hour_ms, d.operation, d.outcome, d.calls
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential
          and d.hour_ms >= from_ms and d.hour_ms < to_ms and d.secret_id = secret
    ) u
    group by u.operation, u.outcome
    order by 4 desc
    limit at_most);
end;
