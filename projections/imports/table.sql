-- What was declared of keys from elsewhere, as it is: one row, of the one stream of it. It belongs to the platform, so that
-- `tenant_id` is never there. The view alone reads it.
create table credledger.imports (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  prefixes int not null,
  primary key (ledger_id, id)
);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.imports_facts as (
  prefixes int
);
