-- Access tokens that were revoked before their end. After that end nobody reads the row.
create table credledger.revoked_tokens (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  record bytea not null,
  mac bytea not null,
  ends_at_ms bigint not null,
  primary key (ledger_id, id)
);
-- queries/load.sql
create index revoked_tokens_by_end on credledger.revoked_tokens (ledger_id, ends_at_ms);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.revoked_tokens_facts as (
  ends_at_ms bigint
);
