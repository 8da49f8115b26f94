-- Roles belong to the whole cluster, and many of its databases may be migrated at once: each step looks first, and being
-- overtaken by another database is no error. Run at every start, as the administrator, before anything else.
do $roles$
declare
  wanted text;
  may_become constant text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach wanted in array array[
    'credledger_owner',   -- owns every object; nobody logs in as it
    'credledger_append',  -- may call the append, nothing else
    'credledger_system',  -- reads everything: load, follow, housekeeping, leases
    'credledger_writer',  -- activity and usage
    'credledger_app',     -- one tenant's rows, in a transaction that names the tenant
    'credledger_login'    -- the way from a login role to the four above; it inherits nothing, so that one has to SET ROLE
  ] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      begin
        execute pg_catalog.format('create role %I nologin noinherit', wanted);
      exception when duplicate_object or unique_violation then
        null; -- another database of this cluster was quicker
      end;
    end if;
  end loop;
  foreach wanted in array array['credledger_append', 'credledger_system', 'credledger_writer', 'credledger_app'] loop
    if not pg_catalog.pg_has_role('credledger_login', wanted, may_become) then
      begin
        execute pg_catalog.format('grant %I to credledger_login', wanted);
      exception when unique_violation then
        null;
      end;
    end if;
  end loop;
  if not pg_catalog.pg_has_role(current_user, 'credledger_owner', may_become) then
    begin
      execute pg_catalog.format('grant credledger_owner to %I', current_user);
    exception when unique_violation then
      null;
    end;
  end if;
end
$roles$;
create schema if not exists credledger authorization credledger_owner;
