-- Some events by their positions, and some by stream and version, each with the personal values that are still there. Part of the
-- query that calls it: planned once for many.
create or replace function credledger.read_named(ledger int, positions bigint[], streams uuid[], versions int[])
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac, p.slots
    from unnest (positions ::bigint[]) as n(wanted)
    cross join lateral (
      select * from credledger.events where ledger_id = ledger and position = n.wanted limit 1) e
    left join lateral (
      select own.slots from credledger.personal own
        where own.ledger_id = ledger and own.stream_id = e.stream_id and own.version = e.version limit 1) p on true
  union all
  select e.position, e.stream_id, e.entry, e.mac, p.slots
    from unnest (streams ::uuid[], versions ::int[]) as n(stream, place)
    cross join lateral (
      select * from credledger.events where ledger_id = ledger and stream_id = n.stream and version = n.place limit 1) e
    left join lateral (
      select own.slots from credledger.personal own
        where own.ledger_id = ledger and own.stream_id = n.stream and own.version = n.place limit 1) p on true;
end;
