-- Credentials as they are. Nothing here is changed by the clock: statuses are computed when they are asked for.
create table credledger.credentials (
  ledger_id int not null,
  id uuid not null,
  tenant_id uuid not null,
  version int not null,
  -- what a verdict asks, a client's registration with it
  record bytea not null,
  mac bytea not null,
  created_at_ms bigint not null,
  -- the earliest instant at which housekeeping has something to record
  due_at_ms bigint,
  ended_at_ms bigint,
  expires_at_ms bigint,
  kind text not null,
  -- the versions of the events whose personal rows hold the description and the name
  description_version int not null,
  name_version int not null,
  -- the member that it belongs to
  owner_id uuid,
  -- the earliest instant at which a window may be closed because its secret is not used; null: none is to be
  quiet_from_ms bigint,
  revoked boolean not null,
  scopes text[] not null,
  suspended boolean not null,
  -- the earliest instant at which a warning of its expiry may be due, however long its tenant's window is; null: none is to come
  warnable_from_ms bigint,
  primary key (ledger_id, id)
);
-- queries/page.sql
create index credentials_by_age on credledger.credentials (ledger_id, tenant_id, kind, created_at_ms, id);
-- queries/due.sql
create index credentials_due on credledger.credentials (ledger_id, due_at_ms, id) where due_at_ms is not null;
-- queries/ended.sql
create index credentials_due_in_tenant on credledger.credentials (ledger_id, tenant_id, due_at_ms) where due_at_ms is not null;
-- queries/warnable.sql
create index credentials_warnable on credledger.credentials (ledger_id, warnable_from_ms, id) where warnable_from_ms is not null;
-- queries/quiet.sql
create index credentials_quiet on credledger.credentials (ledger_id, quiet_from_ms, id) where quiet_from_ms is not null;
-- queries/entering.sql
create index credentials_warnable_in_tenant on credledger.credentials (ledger_id, tenant_id, expires_at_ms, id)
  where warnable_from_ms is not null;
-- queries/page.sql, of one member
create index credentials_by_owner on credledger.credentials (ledger_id, tenant_id, owner_id, kind, created_at_ms, id)
  where owner_id is not null;
-- The columns above that follow the mac, as the append is handed them: in the order of their names.
create type credledger.credentials_facts as (
  created_at_ms bigint,
  description_version int,
  due_at_ms bigint,
  ended_at_ms bigint,
  expires_at_ms bigint,
  kind text,
  name_version int,
  owner_id uuid,
  quiet_from_ms bigint,
  revoked boolean,
  scopes text[],
  suspended boolean,
  warnable_from_ms bigint
);
