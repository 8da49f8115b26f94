-- Takes the rows of the events from `first` on, up to `upto`, where exactly those before it are there; otherwise nothing. Returns how
-- many events are there afterwards. The rows can always be made again, so nobody waits for the disk.
create or replace function credledger.apply_trail(ledger int, first bigint, upto bigint, rows text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  held bigint;
  erasure record;
  places bigint[];
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into credledger.trail_progress (ledger_id, applied) values (ledger, 0) on conflict do nothing;
  select p.applied into held from credledger.trail_progress p where p.ledger_id = ledger for update;
  if held <> apply_trail.first then
    return held;
  end if;
  insert into credledger.trail
      (ledger_id, tenant_id, position, is_copy, type, family, at_ms, stream_id, version, subject_id, actor_id, client_ip,
       shown_version, name_version, changes, mac)
    select ledger, r.tenant_id, r.position, r.is_copy, r.type, r.family, r.at_ms, r.stream_id, r.version, r.subject_id,
           r.actor_id, r.client_ip, r.shown_version, r.name_version, r.changes, r.mac
      from unnest(rows::credledger.trail_row[]) r;
  -- What was erased may have come here before that, or on its way just then: the event that says so stands behind all that it erased.
  for erasure in
    select r.erased_of, r.erased_first, r.erased_last from unnest(rows::credledger.trail_row[]) r where r.erased_of is not null
  loop
    select coalesce(array_agg(e.position), '{}') into places from credledger.events e
      where e.ledger_id = ledger and e.stream_id = erasure.erased_of
        and e.version between erasure.erased_first and erasure.erased_last;
    update credledger.trail t set client_ip = null
      where t.ledger_id = ledger and t.position = any (places) and not t.is_copy and t.client_ip is not null;
    update credledger.trail t set client_ip = null
      where t.ledger_id = ledger and t.position = any (places) and t.is_copy and t.client_ip is not null;
  end loop;
  update credledger.trail_progress p set applied = upto where p.ledger_id = ledger;
  return upto;
end
$function$;
