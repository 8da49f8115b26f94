-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_operator_tokens(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.operator_tokens as held
      (ledger_id, id, tenant_id, version, record, mac, operator_id, prefix)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.operator_id, r.prefix
      from unnest(ids, tenants, versions, records, macs, facts::credledger.operator_tokens_facts[])
        as r(id, tenant_id, version, record, mac, operator_id, prefix)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, operator_id = excluded.operator_id,
      prefix = excluded.prefix
      where excluded.version > held.version;
end
$function$;
