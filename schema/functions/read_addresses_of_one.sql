-- From where one secret was used, of addresses that were seen before an instant, those seen last first. A row without an address says when
-- it was first and last let in, and whether there were other addresses; and one with a flush_id alone, which of some flushes are in it.
create or replace function credledger.read_addresses_of_one(
  ledger int, tenant uuid, credential uuid, secret uuid, to_ms bigint, flushes uuid[], at_most int
) returns table (flush_id uuid, client_ip inet, first_at_ms bigint, last_at_ms bigint, accepted bigint, refused bigint, left_out boolean)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::inet, null::bigint, null::bigint, null::bigint, null::bigint, false
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  select null::uuid, null::inet, min(w.first_at_ms), max(w.last_at_ms), null::bigint, null::bigint, coalesce(bool_or(w.left_out), false)
    from (
      select l.first_used_at_ms as first_at_ms, l.used_at_ms as last_at_ms, l.addresses_left_out as left_out
        from credledger.usage_last l
        where l.ledger_id = ledger and l.tenant_id = tenant and l.credential_id = credential and l.secret_id = secret
      union all
      select case when d.outcome = 'accepted' then d.first_at_ms end, case when d.outcome = 'accepted' then d.last_at_ms end,
             d.address_left_out
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential and d.secret_id = secret
    ) w
  union all
  (select null::uuid, u.client_ip, min(u.first_at_ms), max(u.last_at_ms), sum(u.accepted)::bigint, sum(u.refused)::bigint, false
    from (
      select a.client_ip, a.first_at_ms, a.last_at_ms, a.accepted, a.refused
        from credledger.usage_addresses a
        where a.ledger_id = ledger and a.tenant_id = tenant and a.credential_id = credential and a.secret_id = secret
      union all
      select d.client_ip, d.first_at_ms, d.last_at_ms, case when d.outcome = 'accepted' then d.calls else 0 end,
             case when d.outcome = 'accepted' then 0 else d.calls end
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential and d.secret_id = secret
          and d.client_ip is not null
    ) u
    group by u.client_ip
    having min(u.first_at_ms) < to_ms
    order by 4 desc
    limit at_most);
end;
