-- Takes the rows of the events from `first` on, up to `upto`, where exactly those before it are there; otherwise nothing. Returns how
-- many events are there afterwards. The rows can always be made again, so nobody waits for the disk.
create or replace function credledger.apply_validity(ledger int, first bigint, upto bigint, rows text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  held bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into credledger.validity_progress (ledger_id, applied) values (ledger, 0) on conflict do nothing;
  select p.applied into held from credledger.validity_progress p where p.ledger_id = ledger for update;
  if held <> apply_validity.first then
    return held;
  end if;
  insert into credledger.validity
      (ledger_id, tenant_id, credential_id, from_position, created_at_ms, expires_at_ms, kind, description_version, name_version,
       owner_id, revoked, scopes, suspended)
    select ledger, r.tenant_id, r.credential_id, r.from_position, r.created_at_ms, r.expires_at_ms, r.kind, r.description_version,
           r.name_version, r.owner_id, r.revoked, r.scopes, r.suspended
      from unnest(rows::credledger.validity_row[]) r;
  insert into credledger.validity_ends (ledger_id, tenant_id, credential_id, from_position, at_ms)
    select ledger, r.tenant_id, r.credential_id, r.from_position, e.at_ms
      from unnest(rows::credledger.validity_row[]) r
      cross join lateral unnest(r.ends_ms) as e(at_ms);
  update credledger.validity_progress p set applied = upto where p.ledger_id = ledger;
  return upto;
end
$function$;
