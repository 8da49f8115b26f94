-- In the private cluster the service logs in as a role of its own, which owns nothing. Run as the cluster's superuser.
do $private_login$
begin
  create role credledger_service login nosuperuser nocreatedb nocreaterole noinherit;
exception when duplicate_object then
  null; -- made by an earlier start
end
$private_login$;
