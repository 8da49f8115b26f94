-- The lease of each node. `boot` tells a restarted node from its former self, which may no longer renew.
create table credledger.nodes (
  ledger_id int not null,
  node uuid not null,
  boot uuid not null,
  applied bigint not null,
  started_at_ms bigint not null,
  renewed_at_ms bigint not null,
  expires_at_ms bigint not null,
  primary key (ledger_id, node)
) with (fillfactor = 50);
