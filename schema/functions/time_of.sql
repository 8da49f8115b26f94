-- When the event at a position happened; null when there is none yet. As the owner: whose event it is is not told.
create or replace function credledger.time_of(ledger int, of_position bigint) returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select e.at_ms from credledger.events e where e.ledger_id = ledger and e.position = of_position;
end;
