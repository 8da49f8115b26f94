-- Answers kept for retries. Of the caller's key only a keyed digest stands here, and the answer is sealed under a key made of it.
create table credledger.idempotency (
  ledger_id int not null,
  operator_id uuid not null,
  key_digest bytea not null,
  request_digest bytea not null,
  status smallint not null,
  answer bytea not null,
  position bigint,
  at_ms bigint not null,
  primary key (ledger_id, operator_id, key_digest)
);
create index idempotency_by_age on credledger.idempotency (ledger_id, at_ms);
