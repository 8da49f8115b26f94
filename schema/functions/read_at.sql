-- The event at a position, where whoever asks sees it, with the personal values that are still there.
create or replace function credledger.read_at(ledger int, at bigint)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select e.position, e.stream_id, e.entry, e.mac, p.slots
    from credledger.events e
    left join credledger.personal p
      on p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version
    where e.ledger_id = ledger and e.position = at;
end;
