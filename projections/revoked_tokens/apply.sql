-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_revoked_tokens(
  ledger int, ids uuid[], tenants uuid[], versions int[], records bytea[], macs bytea[], facts text[]
) returns void language plpgsql
as $function$
begin
  insert into credledger.revoked_tokens as held (ledger_id, id, tenant_id, version, record, mac, ends_at_ms)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac, r.ends_at_ms
      from unnest(ids, tenants, versions, records, macs, facts::credledger.revoked_tokens_facts[])
        as r(id, tenant_id, version, record, mac, ends_at_ms)
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, ends_at_ms = excluded.ends_at_ms
      where excluded.version > held.version;
end
$function$;
