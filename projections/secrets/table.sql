-- Secrets as they are; their version is that of their credential's stream.
create table credledger.secrets (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  record bytea not null,
  mac bytea not null,
  -- the id that a client's secret goes with
  client_id text,
  credential_id uuid not null,
  ends_at_ms bigint,
  prefix text not null,
  primary key (ledger_id, id)
);
-- credentials/queries/page.sql, by prefix
create index secrets_by_prefix on credledger.secrets (ledger_id, tenant_id, prefix text_pattern_ops);
create index secrets_by_client_id on credledger.secrets (ledger_id, tenant_id, client_id text_pattern_ops)
  where client_id is not null;
-- queries/of_clients.sql
create index secrets_of_clients on credledger.secrets (ledger_id, prefix, id) where client_id is not null;
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.secrets_facts as (
  client_id text,
  credential_id uuid,
  ends_at_ms bigint,
  prefix text
);
