-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_signing_keys(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.signing_keys as held (ledger_id, id, tenant_id, version, record, mac, published)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.published
      from unnest(ids, tenants, versions, records, macs, facts::credledger.signing_keys_facts[])
        as r(id, tenant_id, version, record, mac, published)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, published = excluded.published
      where excluded.version > held.version;
end
$function$;
