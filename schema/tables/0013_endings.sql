-- What may end access tokens before their time, by when it came: a start reads that of the last day (read_endings). There is no
-- table of it that somebody could take a row from. The same list stands in read_endings, and in code in
-- src/projections/active/endings.rs; a test compares them.
create index events_that_end on credledger.events (ledger_id, at_ms, position)
  where type in ('access_token.revoked', 'member.disabled', 'oauth_client.expiry_set', 'oauth_client.owner_set',
                 'oauth_client.revoked', 'oauth_client.secret_revoked', 'oauth_client.suspended', 'oauth_client.tokens_revoked',
                 'tenant.suspended');
