-- Makes the partitions of these days (counted since 1970) that are not there yet. A table is made by itself and then attached: calls
-- are read and written meanwhile.
create or replace function credledger.make_activity_days(first_day int, last_day int) returns int
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $function$
declare
  day int;
  partition text;
  made int := 0;
begin
  if last_day - first_day > 40 then
    raise exception 'too many days at once' using errcode = 'CL002';
  end if;
  for day in first_day..last_day loop
    partition := 'activity_' || to_char(date '1970-01-01' + day, 'YYYYMMDD');
    if to_regclass('credledger.' || partition) is null then
      execute format('create table credledger.%I (like credledger.activity including defaults including constraints)', partition);
      execute format('alter table credledger.%I enable row level security', partition);
      execute format('alter table credledger.%I force row level security', partition);
      execute format(
        'alter table credledger.activity attach partition credledger.%I for values from (%L) to (%L)', partition,
        (lpad(to_hex(day::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid,
        (lpad(to_hex((day + 1)::bigint * 86400000), 12, '0') || repeat('0', 20))::uuid);
      made := made + 1;
    end if;
  end loop;
  return made;
end
$function$;
