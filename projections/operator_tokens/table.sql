-- Operators' tokens as they are; their version is that of their operator's stream.
create table credledger.operator_tokens (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid,
  version int not null,
  record bytea not null,
  mac bytea not null,
  operator_id uuid not null,
  prefix text not null,
  primary key (ledger_id, id)
);
-- operators/queries/page.sql, by prefix
create index operator_tokens_by_prefix on credledger.operator_tokens (ledger_id, prefix text_pattern_ops);
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.operator_tokens_facts as (
  operator_id uuid,
  prefix text
);
