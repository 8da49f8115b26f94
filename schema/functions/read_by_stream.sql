-- Every event, stream by stream and each stream's in order: for folding all of them with one in memory at a time.
create or replace function credledger.read_by_stream(ledger int)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select e.position, e.stream_id, e.entry, e.mac
    from credledger.events e
    where e.ledger_id = ledger
    order by e.stream_id, e.version;
end;
