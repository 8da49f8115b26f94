-- The last event that had happened by then; null before the first. Times never decrease along positions, so halving finds it: one
-- look by the primary key for each bit of the head. As the owner, since whose the events are is not told: only how many there were.
create or replace function credledger.position_at(ledger int, until_ms bigint) returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  with recursive halving (low, high) as (
    select 0::bigint, h.head from credledger.heads h where h.ledger_id = ledger
    union all
    select case when e.at_ms <= until_ms then e.position + 1 else b.low end,
           case when e.at_ms <= until_ms then b.high else e.position end
      from halving b
      join credledger.events e on e.ledger_id = ledger and e.position = (b.low + b.high) / 2
      where b.low < b.high
  )
  select nullif(b.low, 0) - 1 from halving b where b.low = b.high;
end;
