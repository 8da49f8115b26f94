-- The log. Positions are dense from 0 in commit order, and a position is the event's Merkle leaf index.
-- `entry` is what is hashed: stored as the bytes themselves, never as a type that would write them anew.
create table credledger.events (
  ledger_id int not null,
  position bigint not null check (position >= 0),
  stream_id uuid not null,
  version int not null check (version > 0),
  tenant_id uuid,
  type text not null,
  at_ms bigint not null,
  entry bytea not null check (octet_length(entry) between 1 and 49152),
  mac bytea not null,
  leaf bytea not null check (octet_length(leaf) = 32),
  primary key (ledger_id, position),
  unique (ledger_id, stream_id, version)
);
comment on column credledger.events.tenant_id is 'null: an event of the platform itself';
