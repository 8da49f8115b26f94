-- Whose these are: of each id that is a credential's or a secret's within these tenants (null: all) its credential, tenant and kind.
create or replace function credledger.locate_credentials(ledger int, reached uuid[], credentials uuid[], secrets uuid[])
returns table (of_secret boolean, id uuid, credential_id uuid, tenant_id uuid, kind text)
language sql security definer stable
set search_path = pg_catalog, pg_temp
begin atomic
  select false, c.id, c.id, c.tenant_id, c.kind from credledger.credentials c
    where c.ledger_id = ledger and c.id = any (credentials) and (reached is null or c.tenant_id = any (reached))
  union all
  select true, s.id, s.credential_id, s.tenant_id, c.kind from credledger.secrets s
    join credledger.credentials c on c.ledger_id = s.ledger_id and c.id = s.credential_id
    where s.ledger_id = ledger and s.id = any (secrets) and (reached is null or s.tenant_id = any (reached));
end;
