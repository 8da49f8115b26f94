-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_tenants(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.tenants as held
      (ledger_id, id, tenant_id, version, record, mac, expiry_warning_ms, slug)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.expiry_warning_ms, r.slug
      from unnest(ids, tenants, versions, records, macs, facts::credledger.tenants_facts[])
        as r(id, tenant_id, version, record, mac, expiry_warning_ms, slug)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac,
      expiry_warning_ms = excluded.expiry_warning_ms, slug = excluded.slug
      where excluded.version > held.version;
end
$function$;
