-- What must be unique in a ledger: the public part of a secret, a slug, a client id, the keyed digest of an address.
create table credledger.claims (
  ledger_id int not null,
  kind smallint not null,
  key bytea not null,
  stream_id uuid not null,
  primary key (ledger_id, kind, key)
);
