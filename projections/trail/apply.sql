-- Takes the rows of the events from `first` on, up to `upto`, where exactly those before it are there; otherwise nothing. Returns how
-- many events are there afterwards. The rows can always be made again, so nobody waits for the disk.
create or replace function credledger.apply_trail(ledger int, first bigint, upto bigint, rows text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  held bigint;
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
  update credledger.trail_progress p set applied = upto where p.ledger_id = ledger;
  return upto;
end
$function$;
