-- When each secret of some credentials of a tenant was last called by somebody who still needs it: added up or not yet.
create or replace function credledger.read_last_calls(ledger int, tenant uuid, credentials uuid[])
returns table (secret_id uuid, called_at_ms bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select u.secret_id, max(u.called_at_ms)
    from (
      select l.secret_id, greatest(l.called_at_ms, l.used_at_ms) as called_at_ms
        from credledger.usage_last l
        where l.ledger_id = ledger and l.tenant_id = tenant and l.credential_id = any (credentials)
      union all
      select d.secret_id, d.last_at_ms
        from credledger.usage_deltas d
        where d.ledger_id = ledger and d.tenant_id = tenant and d.credential_id = any (credentials)
          and credledger.counts_as_use(d.outcome)
    ) u
    where u.called_at_ms is not null
    group by u.secret_id;
end;
