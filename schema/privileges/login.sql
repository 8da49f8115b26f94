-- Lets the login role of database_url become the service's roles (SET ROLE), and nothing more. Run as the administrator; the
-- name stands in the setting credledger.login.
do $login$
declare
  login constant text := pg_catalog.current_setting('credledger.login');
  may_become constant text := case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  if not pg_catalog.pg_has_role(login, 'credledger_login', may_become) then
    begin
      execute pg_catalog.format('grant credledger_login to %I', login);
    exception when unique_violation then
      null; -- another database of this cluster was quicker
    end;
  end if;
end
$login$;
