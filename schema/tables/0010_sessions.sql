-- People who are signed in, and sign-ins that were completed. Of what the browser holds only a keyed digest stands here, and
-- what a row says is macked outside: a row that was made or changed by hand opens nothing.
create table credledger.sessions (
  ledger_id int not null,
  digest bytea not null,
  operator_id uuid not null,
  opened_at_ms bigint not null,
  -- kept to within half a minute
  seen_at_ms bigint not null,
  ends_at_ms bigint not null,
  mac bytea not null,
  primary key (ledger_id, digest)
);
create index sessions_by_operator on credledger.sessions (ledger_id, operator_id, opened_at_ms);
create index sessions_by_end on credledger.sessions (ledger_id, ends_at_ms);
-- Each may be completed once.
create table credledger.spent_sign_ins (
  ledger_id int not null,
  digest bytea not null,
  ends_at_ms bigint not null,
  primary key (ledger_id, digest)
);
create index spent_sign_ins_by_end on credledger.spent_sign_ins (ledger_id, ends_at_ms);
