-- The app role reads tables that hold tenants' rows, through the policies of tenant_isolation.sql.
grant select on credledger.events, credledger.personal, credledger.tenants, credledger.members,
    credledger.credentials, credledger.secrets
  to credledger_app;
grant select on credledger.plans to credledger_app;
grant select on credledger.erasures to credledger_app;
grant select on credledger.operators, credledger.operator_tokens to credledger_app;
grant select on credledger.idempotency to credledger_app;
grant execute on function credledger.read_streams to credledger_app;
grant execute on function credledger.read_at to credledger_app;
grant execute on function credledger.read_answer to credledger_app;
