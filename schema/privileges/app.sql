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
grant execute on function credledger.position_at to credledger_app;
grant execute on function credledger.time_of to credledger_app;
-- Usage.
grant select on credledger.usage_flushes, credledger.usage_deltas, credledger.usage_of_credentials, credledger.usage_of_tenants,
    credledger.usage_last, credledger.usage_addresses, credledger.usage_unknown, credledger.usage_missing, credledger.usage_spans
  to credledger_app;
grant execute on function credledger.read_last_uses to credledger_app;
grant execute on function credledger.read_usage to credledger_app;
grant execute on function credledger.read_tenant_usage to credledger_app;
grant execute on function credledger.read_usage_addresses to credledger_app;
grant execute on function credledger.read_secret_usage to credledger_app;
grant execute on function credledger.read_addresses_of_one to credledger_app;
grant execute on function credledger.read_unknown_usage to credledger_app;
grant execute on function credledger.read_missing_usage to credledger_app;
grant execute on function credledger.read_usage_spans to credledger_app;
grant execute on function credledger.counts_as_use to credledger_app;
grant execute on function credledger.read_last_calls to credledger_app;
grant execute on function credledger.read_secret_addresses to credledger_app;
-- Calls served; a row's partition is reached through this table alone.
grant select on credledger.activity to credledger_app;
grant execute on function credledger.read_activity to credledger_app;
grant execute on function credledger.secret_of_prefix to credledger_app;
grant select on credledger.trail to credledger_app;
grant execute on function credledger.read_named to credledger_app;
grant select on credledger.validity, credledger.validity_ends to credledger_app;
grant execute on function credledger.status_at to credledger_app;
