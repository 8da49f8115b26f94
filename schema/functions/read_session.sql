-- The session of this digest.
create or replace function credledger.read_session(ledger int, of_digest bytea)
returns table (operator_id uuid, opened_at_ms bigint, seen_at_ms bigint, ends_at_ms bigint, mac bytea)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select s.operator_id, s.opened_at_ms, s.seen_at_ms, s.ends_at_ms, s.mac
    from credledger.sessions s
    where s.ledger_id = ledger and s.digest = of_digest;
end;
