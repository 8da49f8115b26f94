-- What may have ended access tokens since, in order; without what is personal of it. By the index events_that_end.
create or replace function credledger.read_endings(ledger int, since_ms bigint)
returns table ("position" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
language sql stable
begin atomic
  select e.position, e.stream_id, e.entry, e.mac, null::json
    from credledger.events e
    where e.ledger_id = ledger and e.at_ms >= since_ms
      and e.type in ('access_token.revoked', 'member.disabled', 'oauth_client.expiry_set', 'oauth_client.owner_set',
                     'oauth_client.revoked', 'oauth_client.secret_revoked', 'oauth_client.suspended', 'oauth_client.tokens_revoked',
                     'tenant.suspended')
    order by e.at_ms, e.position;
end;
