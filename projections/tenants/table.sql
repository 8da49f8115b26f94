-- Tenants as they are. `tenant_id` is the tenant's own id.
create table credledger.tenants (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  -- what a verdict asks, and how its keys and its clients' secrets are written
  record bytea not null,
  mac bytea not null,
  -- how long before its end a credential is warned of
  expiry_warning_ms bigint not null,
  slug text not null,
  primary key (ledger_id, id)
);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.tenants_facts as (
  expiry_warning_ms bigint,
  slug text
);
