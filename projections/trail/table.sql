-- The trail: one row an event for the whole platform's feed, and for an event of the platform one more in the trail of each tenant
-- that it concerns. It follows behind the ledger. What a row is told by is here and in its event, so that a page costs the same
-- whatever the length of streams; its mac binds what the event does not say.
create table credledger.trail (
  ledger_id int not null,
  -- in whose trail; null: in the feed alone
  tenant_id uuid,
  position bigint not null,
  -- of an event of the platform, in a tenant's trail
  is_copy boolean not null,
  type text not null,
  -- of the type, what stands before the dot
  family text not null,
  at_ms bigint not null,
  stream_id uuid not null,
  version int not null,
  -- as people know it
  subject_id uuid not null,
  -- zeros: the service itself
  actor_id uuid not null,
  -- to find it by; what is shown stands in the event's personal row. It goes when the erasure's own event is taken in.
  client_ip inet,
  -- the subject's version after it, as resources tell it
  shown_version int not null,
  -- the version of the event whose personal row holds the name that the subject had after it
  name_version int,
  -- {"member": [before, after]}, and of what a person typed the version of the event whose personal row holds what was before
  changes text,
  mac bytea not null
);
-- queries/feed.sql
create unique index trail_by_position on credledger.trail (ledger_id, position) where not is_copy;
-- apply.sql, where addresses were erased
create unique index trail_copies on credledger.trail (ledger_id, position, tenant_id) where is_copy;
-- queries/all.sql
create unique index trail_of_tenant on credledger.trail (ledger_id, tenant_id, position) where tenant_id is not null;
-- queries/of_types.sql
create index trail_by_type on credledger.trail (ledger_id, tenant_id, type, position) where tenant_id is not null;
-- queries/of_family.sql
create index trail_by_family on credledger.trail (ledger_id, tenant_id, family, position) where tenant_id is not null;
-- queries/of_subject.sql
create index trail_by_subject on credledger.trail (ledger_id, tenant_id, subject_id, position) where tenant_id is not null;
-- queries/of_actor.sql
create index trail_by_actor on credledger.trail (ledger_id, tenant_id, actor_id, position) where tenant_id is not null;
-- queries/of_client_ip.sql
create index trail_by_client_ip on credledger.trail (ledger_id, tenant_id, client_ip, position)
  where tenant_id is not null and client_ip is not null;
-- How many events of the ledger are in it.
create table credledger.trail_progress (
  ledger_id int not null,
  applied bigint not null,
  primary key (ledger_id)
) with (fillfactor = 10);
-- An address that was erased is vacuumed away on the server's next round, as it is from the personal rows.
alter table credledger.trail set (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
-- A row as it is handed over: its columns in the order of their names.
create type credledger.trail_row as (
  actor_id uuid,
  at_ms bigint,
  changes text,
  client_ip inet,
  -- of an event that erased addresses: of which versions of which stream
  erased_first int,
  erased_last int,
  erased_of uuid,
  family text,
  is_copy boolean,
  mac bytea,
  name_version int,
  "position" bigint,
  shown_version int,
  stream_id uuid,
  subject_id uuid,
  tenant_id uuid,
  type text,
  version int
);
