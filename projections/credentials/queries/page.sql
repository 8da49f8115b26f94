-- A page of a tenant's credentials, newest first. Statuses are computed at the instant that is asked about.
-- $1 ledger, $2 tenant, $3 and $4 the last row of the page before (the highest values for the first page), $5 rows, $6 now,
-- $7 the tenant's warning window; then the filters, each null when it is not asked for: $8 statuses, $9 name, $10 a scope,
-- $11 expires before, $12 how a prefix or a client's id begins, $13 a text in name or description, $14 a member that they belong to;
-- $15 the kind; $16 since when none of its secrets was let in, added up or not yet, null when it is not asked for
select c.id, c.created_at_ms
  from credledger.credentials c
  where c.ledger_id = $1 and c.tenant_id = $2 and c.kind = $15 and (c.created_at_ms, c.id) < ($3, $4)
    and ($8::text[] is null
      or credledger.status_at(c.revoked, c.expires_at_ms, c.suspended, c.created_at_ms, $7::bigint, $6::bigint) = any ($8))
    and ($10::text is null or $10 = any (c.scopes))
    and ($14::uuid is null or c.owner_id = $14)
    and ($11::bigint is null or c.expires_at_ms < $11)
    -- Asked for as values, as the names below.
    and ($16::bigint is null or (
      coalesce((
        select max(u.used_at_ms) from credledger.usage_last u
          where u.ledger_id = c.ledger_id and u.tenant_id = c.tenant_id and u.credential_id = c.id), -1) < $16
      and coalesce((
        select max(d.last_at_ms) from credledger.usage_deltas d
          where d.ledger_id = c.ledger_id and d.tenant_id = c.tenant_id and d.credential_id = c.id
            and d.outcome = 'accepted'), -1) < $16))
    and ($12::text is null or c.id in (
      select s.credential_id from credledger.secrets s
        where s.ledger_id = $1 and s.tenant_id = $2
          and s.prefix ~>=~ $12 and s.prefix ~<~ ($12 || chr(1114111))
      union all
      select s.credential_id from credledger.secrets s
        where s.ledger_id = $1 and s.tenant_id = $2
          and s.client_id ~>=~ $12 and s.client_id ~<~ ($12 || chr(1114111))))
    -- Asked for as a value, not by exists: the planner would read all names there are into a hash.
    and ($9::text is null or $9 = (
      select p.slots->'name'->>1 from credledger.personal p
        where p.ledger_id = c.ledger_id and p.stream_id = c.id and p.version = c.name_version))
    and ($13::text is null
      or strpos(lower((
        select p.slots->'name'->>1 from credledger.personal p
          where p.ledger_id = c.ledger_id and p.stream_id = c.id and p.version = c.name_version)), lower($13)) > 0
      or strpos(lower((
        select p.slots->'description'->>1 from credledger.personal p
          where p.ledger_id = c.ledger_id and p.stream_id = c.id and p.version = c.description_version)), lower($13)) > 0)
  order by c.created_at_ms desc, c.id desc
  limit $5
