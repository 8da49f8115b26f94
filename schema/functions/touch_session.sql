-- A session was used. One that was touched by another request meanwhile, or has ended, stays as it is.
create or replace function credledger.touch_session(
  ledger int, of_digest bytea, seen_before_ms bigint, seen_ms bigint, of_mac bytea
) returns void language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  update credledger.sessions s
    set seen_at_ms = seen_ms, mac = of_mac
    where s.ledger_id = ledger and s.digest = of_digest and s.seen_at_ms = seen_before_ms;
end;
