-- Plans as they are. They belong to the platform, so that `tenant_id` is never there.
create table credledger.plans (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  name text not null,
  primary key (ledger_id, id)
);
-- queries/page.sql
create index plans_by_name on credledger.plans (ledger_id, name collate "C");
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.plans_facts as (
  name text
);
