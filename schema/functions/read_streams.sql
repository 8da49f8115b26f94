drop function if exists credledger.read_streams(int, uuid[]);
-- The events of some streams up to a position, each stream's in order, with the personal values that are still there. Each event looks
-- up its own: what that costs goes by no count that the planner may not have.
create or replace function credledger.read_streams(ledger int, streams uuid[], last_position bigint)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac,
         (select p.slots from credledger.personal p
            where p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version)
    from credledger.events e
    where e.ledger_id = ledger and e.stream_id = any (streams) and e.position <= last_position
    order by e.stream_id, e.version;
end;
