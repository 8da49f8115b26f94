-- A node's rows by their numbers, of all tenants, for sealing them and holding them against their seal. `first_place` and `last_place`
-- leave out days in which none of them can stand.
create or replace function credledger.read_activity_rows(
  ledger int, of_node uuid, first_seq bigint, end_seq bigint, first_place uuid, last_place uuid
) returns setof credledger.activity
language plpgsql security definer stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $function$
begin
  return query
    select a.* from credledger.activity a
      where a.ledger_id = ledger and a.node = of_node and a.seq >= first_seq and a.seq < end_seq
        and a.place >= first_place and a.place <= last_place
      order by a.seq, a.id;
end
$function$;
