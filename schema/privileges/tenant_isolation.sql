-- Every table that has a tenant_id is under forced row-level security: a new one cannot be forgotten. The app role sees the tenant
-- that its transaction names, and nothing when none is named. (After a reset a setting reads '', not null: hence nullif.
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

-- What more a transaction of the app role may ask to see, beside the tenant it names. The settings are made by src/db/scope.rs alone.
do $more$
declare
  streams text;
begin
  foreach streams in array array['events', 'personal'] loop
    -- A decision also reads the platform's own streams: the operator who asks, or the one that is asked about.
    execute format('drop policy if exists app_decides_on_the_platform on credledger.%I', streams);
    execute format(
      'create policy app_decides_on_the_platform on credledger.%I for select to credledger_app
         using (tenant_id is null and (select current_setting(''credledger.platform'', true) = ''on''))', streams);
    -- Whoever lists tenants sees their own streams, and none of their credentials.
    execute format('drop policy if exists app_lists_tenants on credledger.%I', streams);
    execute format(
      'create policy app_lists_tenants on credledger.%I for select to credledger_app
         using (stream_id = tenant_id and ((select current_setting(''credledger.tenants'', true) = ''all'')
           or tenant_id = any ((select string_to_array(
             nullif(current_setting(''credledger.tenants'', true), ''all''), '','')::uuid[])::uuid[])))', streams);
  end loop;
end
$more$;
-- Whoever may read the whole ledger sees every event of it.
do $ledger$
declare
  told text;
begin
  foreach told in array array['events', 'personal', 'trail'] loop
    execute format('drop policy if exists app_reads_the_ledger on credledger.%I', told);
    execute format(
      'create policy app_reads_the_ledger on credledger.%I for select to credledger_app
         using ((select current_setting(''credledger.ledger'', true) = ''on''))', told);
  end loop;
end
$ledger$;
-- Plans are the platform's, and no secret of it.
drop policy if exists app_reads_plans on credledger.plans;
create policy app_reads_plans on credledger.plans for select to credledger_app
  using (tenant_id is null and (select current_setting('credledger.platform', true) = 'on'));
-- What was erased of the platform's own streams.
drop policy if exists app_reads_erasures on credledger.erasures;
create policy app_reads_erasures on credledger.erasures for select to credledger_app
  using (tenant_id is null and (select current_setting('credledger.platform', true) = 'on'));
-- An operator's kept answers are its own.
alter table credledger.idempotency enable row level security;
alter table credledger.idempotency force row level security;
drop policy if exists owner_reaches_all on credledger.idempotency;
drop policy if exists system_reads_all on credledger.idempotency;
drop policy if exists app_reads_its_operators_answers on credledger.idempotency;
create policy owner_reaches_all on credledger.idempotency to credledger_owner using (true) with check (true);
create policy system_reads_all on credledger.idempotency for select to credledger_system using (true);
create policy app_reads_its_operators_answers on credledger.idempotency for select to credledger_app
  using (operator_id = (select nullif(current_setting('credledger.operator', true), '')::uuid));
drop policy if exists app_lists_tenants on credledger.tenants;
create policy app_lists_tenants on credledger.tenants for select to credledger_app
  using ((select current_setting('credledger.tenants', true) = 'all')
    or tenant_id = any ((select string_to_array(
      nullif(current_setting('credledger.tenants', true), 'all'), ',')::uuid[])::uuid[]));

-- Whoever lists operators sees those whose whole reach lies within its own, and their tokens. Where the rows of an older version
-- do not say yet whom they reach, nobody is seen: they are built anew right after, and this runs again.
do $operators$
begin
  drop policy if exists app_lists_operators on credledger.operators;
  drop policy if exists app_lists_operators on credledger.operator_tokens;
  if exists (
    select from pg_catalog.pg_attribute
      where attrelid = 'credledger.operators'::regclass and attname = 'reached' and not attisdropped
  ) then
    create policy app_lists_operators on credledger.operators for select to credledger_app
      using ((select current_setting('credledger.operators', true) = 'all')
        or (not all_tenants and reached <@ (select string_to_array(
          nullif(nullif(current_setting('credledger.operators', true), 'all'), ''), ',')::uuid[])));
    create policy app_lists_operators on credledger.operator_tokens for select to credledger_app
      using ((select current_setting('credledger.operators', true) <> '')
        and operator_id in (select o.id from credledger.operators o));
  end if;
end
$operators$;

-- Whoever sees all tenants sees all calls with what is no credential, and what could not be counted. What is nobody's in particular
-- of the latter may be anybody's, and is told to whoever asks about a tenant.
do $usage$
declare
  counted text;
begin
  foreach counted in array array['usage_unknown', 'usage_missing'] loop
    execute format('drop policy if exists app_sees_usage_of_all on credledger.%I', counted);
    execute format(
      'create policy app_sees_usage_of_all on credledger.%I for select to credledger_app
         using ((select current_setting(''credledger.tenants'', true) = ''all''))', counted);
  end loop;
end
$usage$;
drop policy if exists app_sees_what_nobody_counted on credledger.usage_missing;
create policy app_sees_what_nobody_counted on credledger.usage_missing for select to credledger_app
  using (tenant_id is null and (select current_setting('credledger.platform', true) = 'on'));
-- Which flushes were brought, and from when to when each process counted, says nothing of anybody: whoever adds up memory and rows sees them all.
alter table credledger.usage_flushes enable row level security;
alter table credledger.usage_flushes force row level security;
drop policy if exists owner_reaches_all on credledger.usage_flushes;
drop policy if exists system_reads_all on credledger.usage_flushes;
drop policy if exists app_reads_all on credledger.usage_flushes;
create policy owner_reaches_all on credledger.usage_flushes to credledger_owner using (true) with check (true);
create policy system_reads_all on credledger.usage_flushes for select to credledger_system using (true);
create policy app_reads_all on credledger.usage_flushes for select to credledger_app using (true);
alter table credledger.usage_spans enable row level security;
alter table credledger.usage_spans force row level security;
drop policy if exists owner_reaches_all on credledger.usage_spans;
drop policy if exists system_reads_all on credledger.usage_spans;
drop policy if exists app_reads_all on credledger.usage_spans;
create policy owner_reaches_all on credledger.usage_spans to credledger_owner using (true) with check (true);
create policy system_reads_all on credledger.usage_spans for select to credledger_system using (true);
create policy app_reads_all on credledger.usage_spans for select to credledger_app using (true);

-- Whoever reports a client's secret is no tenant's: of all tenants it sees the clients' secrets that begin as the reported one does.
drop policy if exists app_finds_clients_by_a_beginning on credledger.secrets;
create policy app_finds_clients_by_a_beginning on credledger.secrets for select to credledger_app
  using (client_id is not null and prefix = (select nullif(current_setting('credledger.beginning', true), '')));
