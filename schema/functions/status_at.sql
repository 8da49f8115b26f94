-- The status of a credential at an instant, of which lists are filtered by it. What is shown is `Credential::status`; that both say the
-- same, tests/model/lists.rs holds. A function of one expression, so that it is part of the query that asks it.
create or replace function credledger.status_at(
  revoked boolean, expires_at_ms bigint, suspended boolean, created_at_ms bigint, warning_ms bigint, at_ms bigint
) returns text
language sql immutable parallel safe
return case
  when revoked then 'revoked'
  when expires_at_ms <= at_ms then 'expired'
  when suspended then 'suspended'
  when expires_at_ms - least(warning_ms, (expires_at_ms - created_at_ms) / 2) <= at_ms then 'expiring'
  else 'active'
end;
