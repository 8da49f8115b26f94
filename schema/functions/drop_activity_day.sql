-- Drops the partition of one day (counted since 1970) with all its rows, and returns how many they were; null: there is none. What is
-- younger than a week by the database's clock stays, whoever asks.
create or replace function credledger.drop_activity_day(day int) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $function$
declare
  partition constant text := 'activity_' || to_char(date '1970-01-01' + day, 'YYYYMMDD');
  rows bigint;
begin
  if day > (clock_timestamp() at time zone 'UTC')::date - date '1970-01-01' - 7 then
    raise exception 'this day is to be kept' using errcode = 'CL002';
  end if;
  if to_regclass('credledger.' || partition) is null then
    return null;
  end if;
  execute format('select count(*) from credledger.activity where place >= %L and place < %L',
    (lpad(to_hex(day::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid,
    (lpad(to_hex((day + 1)::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid) into rows;
  execute format('drop table credledger.%I', partition);
  return rows;
end
$function$;
