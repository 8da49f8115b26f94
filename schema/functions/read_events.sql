-- The ledger from a position on, in order, with the personal values that are still there. Positions have no gaps, so a page is a range,
-- and each event looks up its own values: it costs the same on tables that nobody has counted yet, where a join would be planned as
-- for empty ones. Where there is a gap all the same, the page begins behind it: whoever asked sees that.
create or replace function credledger.read_events(ledger int, first bigint, at_most bigint)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac,
         (select p.slots from credledger.personal p
            where p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version)
    from credledger.events e
    where e.ledger_id = ledger and e.position >= first
      and e.position < at_most + (
        select n.position from credledger.events n where n.ledger_id = ledger and n.position >= first order by n.position limit 1)
    order by e.position;
end;
