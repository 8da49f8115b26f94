-- Members of tenants as they are: the accounts that credentials may belong to.
create table credledger.members (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  record bytea not null,
  mac bytea not null,
  disabled boolean not null,
  -- the version of the event whose personal row holds the name
  name_version int not null,
  primary key (ledger_id, id)
);
-- queries/page.sql
create index members_by_tenant on credledger.members (ledger_id, tenant_id, id);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.members_facts as (
  disabled boolean,
  name_version int
);
