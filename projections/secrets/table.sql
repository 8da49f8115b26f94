-- Secrets as they are; their version is that of their credential's stream.
create table credledger.secrets (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  record bytea not null,
  mac bytea not null,
  credential_id uuid not null,
  ends_at_ms bigint,
  prefix text not null,
  primary key (ledger_id, id)
);
-- credentials/queries/page.sql, by prefix
create index secrets_by_prefix on credledger.secrets (ledger_id, tenant_id, prefix text_pattern_ops);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.secrets_facts as (
  credential_id uuid,
  ends_at_ms bigint,
  prefix text
);
