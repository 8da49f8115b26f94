-- Takes rows as they are at their version; a row already there at that version or a later one stays.
create or replace function credledger.apply_secrets(ledger int, rows credledger.inline_row[]) returns void
language plpgsql
as $function$
begin
  insert into credledger.secrets as held (ledger_id, id, tenant_id, version, record, mac, credential_id, prefix, ends_at_ms)
    select ledger, r.id, r.tenant_id, r.version, r.record, r.mac,
           (r.facts ->> 'credential_id')::uuid, r.facts ->> 'prefix', (r.facts ->> 'ends_at_ms')::bigint
      from unnest(rows) r
    on conflict (ledger_id, id) do update set
      version = excluded.version, record = excluded.record, mac = excluded.mac, credential_id = excluded.credential_id, prefix = excluded.prefix, ends_at_ms = excluded.ends_at_ms
      where excluded.version > held.version;
end
$function$;
