-- Deletes claims that have been over for so long by the database's clock, at most so many; returns how many went. Should that clock be
-- set back by less, nothing that was claimed is free again.
create or replace function credledger.forget_claimed(ledger int, over_ms bigint, at_most int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  forgotten bigint;
begin
  delete from credledger.claimed_once c
    where c.ctid = any (array(
      select o.ctid from credledger.claimed_once o
        where o.ledger_id = ledger and o.until_ms <= (extract(epoch from clock_timestamp()) * 1000)::bigint - over_ms
        order by o.until_ms limit at_most for update skip locked));
  get diagnostics forgotten = row_count;
  return forgotten;
end
$function$;
