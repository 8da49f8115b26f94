-- A new function is nobody's until it is granted.
alter default privileges for role credledger_owner revoke execute on functions from public;
alter default privileges for role credledger_owner revoke usage on types from public;
revoke execute on all functions in schema credledger from public;
grant usage on schema credledger to credledger_append, credledger_system, credledger_writer, credledger_app;
grant execute on function credledger.append_only to credledger_append, credledger_system, credledger_writer, credledger_app;
