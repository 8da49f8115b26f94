-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_secrets(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.secrets as held
      (ledger_id, id, tenant_id, version, record, mac, client_id, credential_id, ends_at_ms, prefix)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.client_id, r.credential_id, r.ends_at_ms, r.prefix
      from unnest(ids, tenants, versions, records, macs, facts::credledger.secrets_facts[])
        as r(id, tenant_id, version, record, mac, client_id, credential_id, ends_at_ms, prefix)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, client_id = excluded.client_id, credential_id = excluded.credential_id,
      ends_at_ms = excluded.ends_at_ms, prefix = excluded.prefix
      where excluded.version > held.version;
end
$function$;
