-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_operators(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.operators as held
      (ledger_id, id, tenant_id, version, record, mac, all_tenants, disabled, identity, invited_as,
       name_version, reached, role)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.all_tenants, r.disabled, r.identity,
        r.invited_as, r.name_version, r.reached, r.role
      from unnest(ids, tenants, versions, records, macs, facts::credledger.operators_facts[])
        as r(id, tenant_id, version, record, mac, all_tenants, disabled, identity, invited_as, name_version, reached, role)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, all_tenants = excluded.all_tenants,
      disabled = excluded.disabled, identity = excluded.identity, invited_as = excluded.invited_as,
      name_version = excluded.name_version, reached = excluded.reached, role = excluded.role
      where excluded.version > held.version;
end
$function$;
