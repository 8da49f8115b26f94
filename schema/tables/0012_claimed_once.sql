-- What may be used once, until it is over: ids of client assertions and of DPoP proofs. Of an id only a digest stands here. Whoever
-- can write here can have one that was overheard used again while it is not over; a bound token's proof only with that token.
create table credledger.claimed_once (
  ledger_id int not null,
  tenant_id uuid not null,
  kind text not null,
  digest bytea not null,
  credential_id uuid not null,
  -- the batch of claims that was first: whoever lost its connection asks again under the same id, and is told truly
  batch_id uuid not null,
  until_ms bigint not null,
  primary key (ledger_id, tenant_id, kind, digest)
);
create index claimed_once_by_end on credledger.claimed_once (ledger_id, until_ms);
