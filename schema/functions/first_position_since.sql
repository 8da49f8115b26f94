-- The position of the first event at or after an instant; of one that is not there yet, the ledger's head. Times never decrease along
-- positions, so it is halved towards. It tells nothing of any event but where it stands.
create or replace function credledger.first_position_since(ledger int, since_ms bigint) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  at bigint;
begin
  select h.head into high from credledger.heads h where h.ledger_id = ledger;
  high := coalesce(high, 0);
  while low < high loop
    middle := (low + high) / 2;
    select e.at_ms into at from credledger.events e where e.ledger_id = ledger and e.position = middle;
    if at < since_ms then
      low := middle + 1;
    else
      high := middle;
    end if;
  end loop;
  return low;
end
$function$;
