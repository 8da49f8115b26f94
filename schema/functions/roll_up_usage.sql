-- Adds up the deltas of the next credentials behind a place, at most so many, and takes them away; tells how many they were and the
-- place of the last. Of each secret at most so many addresses stay, those seen last.
create or replace function credledger.roll_up_usage(
  ledger int, after_tenant uuid, after_credential uuid, at_most int, addresses_kept int,
  out rolled bigint, out last_tenant uuid, out last_credential uuid
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  fresh uuid[];
  crowded record;
begin
  -- A credential's deltas may go on behind the place: where more than a portion are one's, the next portion begins with them again.
  with taken as materialized (
    delete from credledger.usage_deltas d
      where d.ctid = any (array(
        select n.ctid from credledger.usage_deltas n
          where n.ledger_id = ledger and (n.tenant_id, n.credential_id) >= (after_tenant, after_credential)
          order by n.tenant_id, n.credential_id limit at_most for update skip locked))
      returning d.*
  ), counted as (
    insert into credledger.usage_of_credentials as u
        (ledger_id, tenant_id, credential_id, by_day, start_ms, secret_id, operation, outcome, calls)
      select t.ledger_id, t.tenant_id, t.credential_id, d.by_day,
             case when d.by_day then t.hour_ms - t.hour_ms % 86400000 else t.hour_ms end, t.secret_id, t.operation, t.outcome, sum(t.calls)
        from taken t, (values (false), (true)) as d (by_day)
        group by 1, 2, 3, 4, 5, 6, 7, 8
        order by 1, 2, 3, 4, 5, 6, 7, 8
      on conflict (ledger_id, tenant_id, credential_id, by_day, start_ms, secret_id, operation, outcome)
        do update set calls = u.calls + excluded.calls
  ), last as (
    insert into credledger.usage_last as u
        (ledger_id, tenant_id, credential_id, secret_id, first_used_at_ms, used_at_ms, client_ip, called_at_ms, addresses_left_out)
      select t.ledger_id, t.tenant_id, t.credential_id, t.secret_id,
             min(t.first_at_ms) filter (where t.outcome = 'accepted'),
             max(t.last_at_ms) filter (where t.outcome = 'accepted'),
             (array_agg(t.client_ip order by t.last_at_ms desc) filter (where t.outcome = 'accepted'))[1],
             max(t.last_at_ms) filter (where credledger.counts_as_use(t.outcome)),
             bool_or(t.address_left_out)
        from taken t
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
      on conflict (ledger_id, tenant_id, credential_id, secret_id) do update set
        first_used_at_ms = least(u.first_used_at_ms, excluded.first_used_at_ms),
        used_at_ms = greatest(u.used_at_ms, excluded.used_at_ms),
        client_ip = case when u.used_at_ms > excluded.used_at_ms or excluded.used_at_ms is null
                         then u.client_ip else excluded.client_ip end,
        called_at_ms = greatest(u.called_at_ms, excluded.called_at_ms),
        addresses_left_out = u.addresses_left_out or excluded.addresses_left_out
  ), seen as (
    insert into credledger.usage_addresses as u
        (ledger_id, tenant_id, credential_id, secret_id, client_ip, first_at_ms, last_at_ms, accepted, refused)
      select t.ledger_id, t.tenant_id, t.credential_id, t.secret_id, t.client_ip, min(t.first_at_ms), max(t.last_at_ms),
             coalesce(sum(t.calls) filter (where t.outcome = 'accepted'), 0),
             coalesce(sum(t.calls) filter (where t.outcome <> 'accepted'), 0)
        from taken t
        where t.client_ip is not null
        group by 1, 2, 3, 4, 5
        order by 1, 2, 3, 4, 5
      on conflict (ledger_id, tenant_id, credential_id, secret_id, client_ip) do update set
        first_at_ms = least(u.first_at_ms, excluded.first_at_ms),
        last_at_ms = greatest(u.last_at_ms, excluded.last_at_ms),
        accepted = u.accepted + excluded.accepted,
        refused = u.refused + excluded.refused
      returning u.secret_id, (xmax = 0) as is_new
  ), place as (
    select t.tenant_id, t.credential_id from taken t order by t.tenant_id desc, t.credential_id desc limit 1
  )
  select (select count(*) from taken), (select p.tenant_id from place p), (select p.credential_id from place p),
         (select array_agg(distinct s.secret_id) filter (where s.is_new) from seen s)
    into rolled, last_tenant, last_credential, fresh;
  -- Only where an address came that was not there before can there be too many.
  if fresh is not null then
    for crowded in
      select distinct l.tenant_id, l.credential_id, l.secret_id
        from credledger.usage_last l
        where l.ledger_id = ledger and (l.tenant_id, l.credential_id) >= (after_tenant, after_credential)
          and (l.tenant_id, l.credential_id) <= (last_tenant, last_credential) and l.secret_id = any (fresh)
    loop
      delete from credledger.usage_addresses a
        where a.ledger_id = ledger and a.tenant_id = crowded.tenant_id and a.credential_id = crowded.credential_id
          and a.secret_id = crowded.secret_id
          and a.client_ip in (
            select o.client_ip from credledger.usage_addresses o
              where o.ledger_id = ledger and o.tenant_id = crowded.tenant_id and o.credential_id = crowded.credential_id
                and o.secret_id = crowded.secret_id
              order by o.last_at_ms desc, o.client_ip offset addresses_kept);
      if found then
        update credledger.usage_last l set addresses_left_out = true
          where l.ledger_id = ledger and l.tenant_id = crowded.tenant_id and l.credential_id = crowded.credential_id
            and l.secret_id = crowded.secret_id;
      end if;
    end loop;
  end if;
end
$function$;
