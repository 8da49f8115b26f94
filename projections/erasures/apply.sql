-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_erasures(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.erasures as held (ledger_id, id, tenant_id, version, record, mac, under_id)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.under_id
      from unnest(ids, tenants, versions, records, macs, facts::credledger.erasures_facts[])
        as r(id, tenant_id, version, record, mac, under_id)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, under_id = excluded.under_id
      where excluded.version > held.version;
end
$function$;
