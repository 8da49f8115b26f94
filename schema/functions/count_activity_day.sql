-- How many rows a day (counted since 1970) has, and how many of them seals cover.
create or replace function credledger.count_activity_day(day int) returns table (rows bigint, sealed bigint)
language plpgsql security definer stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
declare
  first_place constant uuid := (lpad(to_hex(day::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid;
  end_place constant uuid := (lpad(to_hex((day + 1)::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid;
begin
  return query
    select count(*), count(*) filter (where a.seq < n.unsealed_seq)
      from credledger.activity a
      join credledger.activity_nodes n on n.ledger_id = a.ledger_id and n.node = a.node
      where a.place >= first_place and a.place < end_place;
end
$function$;
