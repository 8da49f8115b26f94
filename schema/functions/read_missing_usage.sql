-- Calls that are missing from what was counted in a range, of all that whoever asks may see; the latest first.
create or replace function credledger.read_missing_usage(ledger int, from_at_ms bigint, to_at_ms bigint, at_most int)
returns table (tenant_id uuid, from_ms bigint, to_ms bigint, calls bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select m.tenant_id, m.from_ms, m.to_ms, m.calls
    from credledger.usage_missing m
    where m.ledger_id = ledger and m.to_ms >= from_at_ms and m.from_ms < to_at_ms
    order by m.to_ms desc
    limit at_most;
end;
