-- Erasures as they are: of what stands under a tenant, or under the platform, and then `tenant_id` is not there.
create table credledger.erasures (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  -- the tenant's id; all zeros for the platform
  under_id uuid not null,
  primary key (ledger_id, id)
);
-- queries/page.sql
create index erasures_by_age on credledger.erasures (ledger_id, under_id, id);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.erasures_facts as (
  under_id uuid
);
