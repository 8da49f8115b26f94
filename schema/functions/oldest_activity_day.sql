-- The oldest day (counted since 1970) that has a partition; null: there is none.
create or replace function credledger.oldest_activity_day() returns int
language sql security definer stable
set search_path = pg_catalog, pg_temp
begin atomic
  select min(to_date(substr(c.relname, 10), 'YYYYMMDD') - date '1970-01-01')
    from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'credledger.activity'::regclass;
end;
