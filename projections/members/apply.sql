-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_members(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.members as held
      (ledger_id, id, tenant_id, version, record, mac, disabled, name_version)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.disabled, r.name_version
      from unnest(ids, tenants, versions, records, macs, facts::credledger.members_facts[])
        as r(id, tenant_id, version, record, mac, disabled, name_version)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, disabled = excluded.disabled,
      name_version = excluded.name_version
      where excluded.version > held.version;
end
$function$;
