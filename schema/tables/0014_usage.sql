-- How often credentials are used, by what, from where and with which outcome. A node counts in memory and brings what it counted as
-- deltas (record_usage); housekeeping adds them up (roll_up_usage), and takes each away in the transaction that adds it. None of it
-- is what a verdict reads, and none of it is history: there is no mac on a row.
-- What was brought already: whoever lost its connection brings the same again under the same id, and it counts once.
create table credledger.usage_flushes (
  ledger_id int not null,
  flush_id uuid not null,
  primary key (ledger_id, flush_id)
);
create table credledger.usage_deltas (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  secret_id uuid not null,
  -- the hour in which they came
  hour_ms bigint not null,
  -- what the caller called it; '' where it did not say
  operation text not null,
  outcome text not null,
  calls bigint not null,
  first_at_ms bigint not null,
  last_at_ms bigint not null,
  client_ip inet,
  -- there was an address, and too many others
  address_left_out boolean not null
);
-- read_usage, read_last_uses, read_usage_addresses, roll_up_usage
create index usage_deltas_by_credential on credledger.usage_deltas (ledger_id, tenant_id, credential_id);
-- Rows come and go all day: dead ones are taken out before they are many beside the living.
alter table credledger.usage_deltas set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
-- One secret's calls of an hour, and again of a day.
create table credledger.usage_of_credentials (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  by_day boolean not null,
  start_ms bigint not null,
  secret_id uuid not null,
  operation text not null,
  outcome text not null,
  calls bigint not null,
  primary key (ledger_id, tenant_id, credential_id, by_day, start_ms, secret_id, operation, outcome)
);
-- A tenant's, exact from the moment they were brought: no answer about a tenant adds up its credentials.
create table credledger.usage_of_tenants (
  ledger_id int not null,
  tenant_id uuid not null,
  by_day boolean not null,
  start_ms bigint not null,
  operation text not null,
  outcome text not null,
  calls bigint not null,
  primary key (ledger_id, tenant_id, by_day, start_ms, operation, outcome)
);
-- When each secret was first and last let in, and the last time from where.
create table credledger.usage_last (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  secret_id uuid not null,
  first_used_at_ms bigint,
  used_at_ms bigint,
  client_ip inet,
  -- addresses that this secret was used from and that usage_addresses does not hold (any more)
  addresses_left_out boolean not null,
  primary key (ledger_id, tenant_id, credential_id, secret_id)
);
create table credledger.usage_addresses (
  ledger_id int not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  secret_id uuid not null,
  client_ip inet not null,
  first_at_ms bigint not null,
  last_at_ms bigint not null,
  accepted bigint not null,
  refused bigint not null,
  primary key (ledger_id, tenant_id, credential_id, secret_id, client_ip)
);
-- Calls with what is no credential that the one who asked may know of; of a tenant where the question named one.
create table credledger.usage_unknown (
  ledger_id int not null,
  tenant_id uuid,
  hour_ms bigint not null,
  outcome text not null,
  calls bigint not null,
  unique nulls not distinct (ledger_id, tenant_id, hour_ms, outcome)
);
-- read_unknown_usage, of all
create index usage_unknown_by_hour on credledger.usage_unknown (ledger_id, hour_ms);
-- Calls that are missing from all of this, because a node had no room left to count them.
create table credledger.usage_missing (
  ledger_id int not null,
  flush_id uuid not null,
  tenant_id uuid,
  from_ms bigint not null,
  to_ms bigint not null,
  calls bigint not null
);
create index usage_missing_by_end on credledger.usage_missing (ledger_id, to_ms);
