-- Whether a call that ended so shows that somebody still needs the secret: it was let in, or would have been, had nothing rested and
-- had it not come too often. src/activity/usage/outcome.rs says the same.
create or replace function credledger.counts_as_use(outcome text) returns boolean
language sql immutable parallel safe
return outcome in ('accepted', 'rate_limited', 'tenant_suspended', 'suspended', 'owner_disabled');
