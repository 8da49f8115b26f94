-- From where each of one credential's secrets was used, of addresses that were seen in a range: those seen last first; which secrets had
-- others besides, with no address; and, with a flush_id and nothing else, which of some flushes are in it.
create or replace function credledger.read_secret_addresses(
  ledger int, tenant uuid, credential uuid, from_ms bigint, to_ms bigint, flushes uuid[], at_most int
) returns table (
  flush_id uuid, secret_id uuid, client_ip inet, first_at_ms bigint, last_at_ms bigint, accepted bigint, refused bigint
)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select f.flush_id, null::uuid, null::inet, null::bigint, null::bigint, null::bigint, null::bigint
    from credledger.usage_flushes f
    where f.ledger_id = ledger and f.flush_id = any (flushes)
  union all
  (select null::uuid, o.secret_id, null::inet, null::bigint, null::bigint, null::bigint, null::bigint
    from (
      select l.secret_id
        from credledger.usage_last l
        where l.ledger_id = ledger and l.tenant_id = tenant and l.credential_id = credential and l.addresses_left_out
      union
      select d.secret_id
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential and d.address_left_out
    ) o)
  union all
  (select null::uuid, u.secret_id, u.client_ip, min(u.first_at_ms), max(u.last_at_ms), sum(u.accepted)::bigint, sum(u.refused)::bigint
    from (
      select a.secret_id, a.client_ip, a.first_at_ms, a.last_at_ms, a.accepted, a.refused
        from credledger.usage_addresses a
        where a.ledger_id = ledger and a.tenant_id = tenant and a.credential_id = credential
      union all
      select d.secret_id, d.client_ip, d.first_at_ms, d.last_at_ms, case when d.outcome = 'accepted' then d.calls else 0 end,
             case when d.outcome = 'accepted' then 0 else d.calls end
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = credential and d.client_ip is not null
    ) u
    group by u.secret_id, u.client_ip
    having max(u.last_at_ms) >= from_ms and min(u.first_at_ms) < to_ms
    order by 5 desc
    limit at_most);
end;
