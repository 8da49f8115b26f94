-- Private halves of the keys that tokens are signed with, sealed under the master key, which stands outside. A row is written
-- before the event that names its key: one that no event names is harmless, and forgotten after a while. Which keys there are, and
-- which signs, the events say alone; what a seal holds is held against the public half in them.
create table credledger.sealed_keys (
  ledger_id int not null,
  kid text not null,
  sealed bytea not null,
  kept_at_ms bigint not null,
  primary key (ledger_id, kid)
);
