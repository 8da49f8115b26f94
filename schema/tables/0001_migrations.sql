-- Which file of schema/ and projections/ was applied here, and with which digest. The runner creates it before anything else.
create table if not exists credledger.migrations (
  kind text not null,
  name text not null,
  digest bytea not null check (octet_length(digest) = 32),
  applied_at timestamptz not null default clock_timestamp(),
  primary key (kind, name)
);
