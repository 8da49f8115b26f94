-- Fired by every attempt to change history, whoever tries.
create or replace function credledger.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception using errcode = 'CL003',
    message = format('%s of credledger.%s is refused: events are only ever added', lower(tg_op), tg_table_name);
end
$function$;

-- ALWAYS: session_replication_role = replica does not skip them.
create or replace trigger events_row_is_immutable before update or delete on credledger.events
  for each row execute function credledger.refuse_change();
create or replace trigger events_are_never_truncated before truncate on credledger.events
  for each statement execute function credledger.refuse_change();
alter table credledger.events enable always trigger events_row_is_immutable;
alter table credledger.events enable always trigger events_are_never_truncated;
