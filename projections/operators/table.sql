-- Operators as they are. They belong to the platform: `tenant_id` is null.
create table credledger.operators (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  primary key (ledger_id, id)
);
