-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_credentials(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.credentials as held
      (ledger_id, id, tenant_id, version, record, mac, created_at_ms, description_version, due_at_ms, ended_at_ms,
      expires_at_ms, kind, name_version, owner_id, quiet_from_ms, revoked, scopes, suspended, warnable_from_ms)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.created_at_ms, r.description_version,
           r.due_at_ms, r.ended_at_ms, r.expires_at_ms, r.kind, r.name_version, r.owner_id, r.quiet_from_ms, r.revoked, r.scopes, r.suspended,
           r.warnable_from_ms
      from unnest(ids, tenants, versions, records, macs, facts::credledger.credentials_facts[])
        as r(id, tenant_id, version, record, mac, created_at_ms, description_version, due_at_ms, ended_at_ms,
          expires_at_ms, kind, name_version, owner_id, quiet_from_ms, revoked, scopes, suspended, warnable_from_ms)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, created_at_ms = excluded.created_at_ms,
      description_version = excluded.description_version,
      due_at_ms = excluded.due_at_ms, ended_at_ms = excluded.ended_at_ms, expires_at_ms = excluded.expires_at_ms, kind = excluded.kind,
      name_version = excluded.name_version, owner_id = excluded.owner_id, quiet_from_ms = excluded.quiet_from_ms, revoked = excluded.revoked, scopes = excluded.scopes,
      suspended = excluded.suspended, warnable_from_ms = excluded.warnable_from_ms
      where excluded.version > held.version;
end
$function$;
