-- When each secret of some credentials of a tenant was last let in, and from where: added up or not yet.
create or replace function credledger.read_last_uses(ledger int, tenant uuid, credentials uuid[])
returns table (credential_id uuid, secret_id uuid, used_at_ms bigint, client_ip inet)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select distinct on (u.credential_id, u.secret_id) u.credential_id, u.secret_id, u.used_at_ms, u.client_ip
    from (
      select l.credential_id, l.secret_id, l.used_at_ms, l.client_ip
        from credledger.usage_last l
        where l.ledger_id = ledger and l.tenant_id = tenant and l.credential_id = any (credentials) and l.used_at_ms is not null
      union all
      select d.credential_id, d.secret_id, d.last_at_ms, d.client_ip
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = any (credentials) and d.outcome = 'accepted'
    ) u
    order by u.credential_id, u.secret_id, u.used_at_ms desc;
end;
