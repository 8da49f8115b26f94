-- How many events the ledger has, and the time of its last. A ledger that nobody wrote yet has none.
create or replace function credledger.read_head(ledger int, out head bigint, out last_at_ms bigint, out database_us bigint)
language sql volatile
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce((select h.head from credledger.heads h where h.ledger_id = ledger), 0),
         coalesce((select h.last_at_ms from credledger.heads h where h.ledger_id = ledger), 0),
         (extract(epoch from clock_timestamp()) * 1000000)::bigint;
$function$;
