-- The keys that tokens are signed with, their public halves, as they are: one row, of the one stream of them. It belongs to the
-- platform, so that `tenant_id` is never there. The view alone reads it.
create table credledger.signing_keys (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  published int not null,
  primary key (ledger_id, id)
);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.signing_keys_facts as (
  published int
);
