-- The ledger from a position on, in order, with the personal values that are still there.
create or replace function credledger.read_events(ledger int, first bigint, at_most bigint)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac, p.slots
    from credledger.events e
    left join credledger.personal p
      on p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version
    where e.ledger_id = ledger and e.position >= first
    order by e.position
    limit at_most;
end;
