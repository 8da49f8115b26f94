-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_credentials(ledger int, rows credledger.inline_row[]) returns void
language plpgsql
as $function$
begin
  insert into credledger.credentials as held
      (ledger_id, id, tenant_id, version, record, mac,
       created_at_ms, expires_at_ms, suspended, ended_at_ms, revoked, scopes, name_version, due_at_ms)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac,
           (r.facts ->> 'created_at_ms')::bigint, (r.facts ->> 'expires_at_ms')::bigint,
           (r.facts ->> 'suspended')::boolean, (r.facts ->> 'ended_at_ms')::bigint, (r.facts ->> 'revoked')::boolean,
           array(select jsonb_array_elements_text(r.facts -> 'scopes')),
           (r.facts ->> 'name_version')::int, (r.facts ->> 'due_at_ms')::bigint
      from unnest(rows) r
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac,
      created_at_ms = excluded.created_at_ms, expires_at_ms = excluded.expires_at_ms, suspended = excluded.suspended,
      ended_at_ms = excluded.ended_at_ms, revoked = excluded.revoked, scopes = excluded.scopes,
      name_version = excluded.name_version, due_at_ms = excluded.due_at_ms
      where excluded.version > held.version;
end
$function$;
