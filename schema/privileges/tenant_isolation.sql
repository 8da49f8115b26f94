-- Every table that has a tenant_id is under forced row-level security: a new one cannot be forgotten. The app role sees the tenant
-- that its transaction names, and nothing when none is named. (After a reset the setting reads '', not null: hence nullif.
-- The sub-select makes it one evaluation a query instead of one a row.)
do $isolation$
declare
  tabled regclass;
begin
  for tabled in
    select c.oid::regclass
      from pg_catalog.pg_class c
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
      where c.relnamespace = 'credledger'::regnamespace and c.relkind in ('r', 'p')
      order by c.relname
  loop
    execute format('alter table %s enable row level security', tabled);
    execute format('alter table %s force row level security', tabled);
    execute format('drop policy if exists owner_reaches_all on %s', tabled);
    execute format('drop policy if exists system_reads_all on %s', tabled);
    execute format('drop policy if exists app_reaches_its_tenant on %s', tabled);
    execute format('create policy owner_reaches_all on %s to credledger_owner using (true) with check (true)', tabled);
    execute format('create policy system_reads_all on %s for select to credledger_system using (true)', tabled);
    execute format(
      'create policy app_reaches_its_tenant on %s to credledger_app
         using (tenant_id = (select nullif(current_setting(''credledger.tenant'', true), '''')::uuid))
         with check (tenant_id = (select nullif(current_setting(''credledger.tenant'', true), '''')::uuid))', tabled);
  end loop;
end
$isolation$;
