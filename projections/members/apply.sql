-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_members(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.members as held
      (ledger_id, id, tenant_id, version, record, mac, created_at_ms, disabled)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.created_at_ms, r.disabled
      from unnest(ids, tenants, versions, records, macs, facts::credledger.members_facts[])
        as r(id, tenant_id, version, record, mac, created_at_ms, disabled)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, created_at_ms = excluded.created_at_ms,
      disabled = excluded.disabled
      where excluded.version > held.version;
end
$function$;
