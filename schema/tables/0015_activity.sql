-- Calls that were served or refused, one row each; never changed, but for what is erased. They are no history: they go by days, when
-- they have been kept for long enough. Partitions are made and dropped by make_activity_days and drop_activity_day alone.
create table credledger.activity (
  ledger_id int not null,
  -- Where the row stands among all: its own id, or that of the verdict that it completes. Its first 48 bits are the time of the call.
  place uuid not null,
  id uuid not null,
  tenant_id uuid not null,
  credential_id uuid not null,
  secret_id uuid,
  -- operator: whoever read what was; credential_id is its id, secret_id its token's. What is of no tenant stands under the nil one.
  kind text not null,
  -- left by a verdict, whose id it has; else reported
  judged boolean not null,
  -- the verdict that the report completes
  completes uuid,
  outcome text,
  status smallint,
  latency_ms int,
  -- What may be erased. It enters the leaf as a salted hash.
  operation text,
  provider text,
  model text,
  error text,
  client_ip inet,
  request_id text,
  -- one for all of the six, or what is left of each once one was erased (docs/ACTIVITY.md)
  salt bytea not null,
  -- who wrote it, and as which of its rows: dense, from 1
  node uuid not null,
  seq bigint not null,
  -- what an operator asked for who read what was
  asked text,
  check (place = coalesce(completes, id)),
  primary key (ledger_id, place, id)
) partition by range (place);
create index activity_by_tenant on credledger.activity (tenant_id, place);
create index activity_by_credential on credledger.activity (credential_id, place);
create index activity_by_secret on credledger.activity (secret_id, place) where secret_id is not null;
create index activity_by_operation on credledger.activity (tenant_id, operation, place) where operation is not null;
create index activity_by_outcome on credledger.activity (tenant_id, outcome, place) where outcome is not null;
create index activity_by_client_ip on credledger.activity (tenant_id, client_ip, place) where client_ip is not null;
create index activity_by_request_id on credledger.activity (tenant_id, request_id, place) where request_id is not null;
-- A node writes in the order of seq: for the rows of a seal, and those that none covers yet.
create index activity_by_seq on credledger.activity using brin (seq) with (pages_per_range = 16);

-- How far each node has come.
create table credledger.activity_nodes (
  ledger_id int not null,
  node uuid not null,
  -- of the process that writes for it; an older one writes no more
  boot uuid not null,
  -- the row that is written next
  next_seq bigint not null,
  -- the first one that no seal covers, as far as is written down; the ledger knows it exactly
  unsealed_seq bigint not null,
  -- the day (since 1970) in whose stream it seals
  sealing_day int not null,
  primary key (ledger_id, node)
);
