-- Every event, stream by stream and each stream's in order, with the personal values that are still there: for folding all
-- of them with one in memory at a time.
create or replace function credledger.read_by_stream(ledger int)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac, p.slots
    from credledger.events e
    left join credledger.personal p
      on p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version
    where e.ledger_id = ledger
    order by e.stream_id, e.version;
end;
