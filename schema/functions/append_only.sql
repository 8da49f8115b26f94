-- Is history out of reach of whoever is logged in here? False when the login role, or any role it may become or grant itself,
-- could change, delete or truncate events, or reach under the database's feet.
create or replace function credledger.append_only() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select not exists (
    select from pg_roles r
      where pg_has_role(session_user, r.oid, 'MEMBER')
        and (r.rolsuper
          -- before 16, whoever may create roles may also join any role but a superuser
          or (r.rolcreaterole and current_setting('server_version_num')::int < 160000)
          or r.rolname in ('pg_write_server_files', 'pg_execute_server_program')
          or r.oid = (select n.nspowner from pg_namespace n where n.nspname = 'credledger')
          or has_table_privilege(r.oid, 'credledger.events', 'UPDATE, DELETE, TRUNCATE, TRIGGER')
          or has_any_column_privilege(r.oid, 'credledger.events', 'UPDATE')))
$function$;
