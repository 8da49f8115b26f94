-- Of each credential the periods in which what lists go by stayed as it was: one row where each begins. It ends where the next one
-- begins, so nothing is ever changed here. It follows behind the ledger. An instant is a position (schema/functions/position_at.sql).
create table credledger.validity (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  -- of the event with which it begins
  from_position bigint not null,
  created_at_ms bigint not null,
  expires_at_ms bigint,
  kind text not null,
  -- the versions of the events whose personal rows hold the description and the name
  description_version int not null,
  name_version int not null,
  owner_id uuid,
  revoked boolean not null,
  scopes text[] not null,
  suspended boolean not null,
  primary key (ledger_id, credential_id, from_position)
);
-- queries/of_owner.sql
create index validity_by_owner on credledger.validity
    (ledger_id, tenant_id, owner_id, kind, created_at_ms, credential_id, from_position)
  where owner_id is not null;
-- The instants at which the clock alone changes what is told of a credential, as a period has them: its expiry, the half of its life
-- before that, the ends of its secrets' windows.
create table credledger.validity_ends (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  -- of the period
  from_position bigint not null,
  at_ms bigint not null,
  primary key (ledger_id, credential_id, from_position, at_ms)
);
-- queries/by_clock.sql
create index validity_ends_by_time on credledger.validity_ends (ledger_id, tenant_id, at_ms, credential_id, from_position desc);
-- How many events of the ledger are in it.
create table credledger.validity_progress (
  ledger_id int not null,
  applied bigint not null,
  primary key (ledger_id)
) with (fillfactor = 10);
-- A row as it is handed over: its columns in the order of their names.
create type credledger.validity_row as (
  created_at_ms bigint,
  credential_id uuid,
  description_version int,
  ends_ms bigint[],
  expires_at_ms bigint,
  from_position bigint,
  kind text,
  name_version int,
  owner_id uuid,
  revoked boolean,
  scopes text[],
  suspended boolean,
  tenant_id uuid
);
