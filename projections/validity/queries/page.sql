-- A page of a tenant's credentials as they were after an event, newest first: of so many, one after the other, the period that each
-- was in then, by one look into its own.
-- $1 ledger, $2 tenant, $3 the kind, $4 and $5 the last row of the page before, $6 rows, $7 the event's position, $8 how many
-- credentials are looked at; then the filters, each null when it is not asked for: $9 the instant that statuses are of, $10 the tenant's
-- warning window of then, $11 statuses, $12 a scope, $13 expires before, $14 name, $15 a text in name or description, $16 the member
-- that they belonged to
select v.credential_id, v.created_at_ms, v.from_position, v.expires_at_ms, v.description_version, v.name_version, v.owner_id, v.revoked,
       v.scopes, v.suspended
  from (
    select c.id, c.created_at_ms
      from credledger.credentials c
      where c.ledger_id = $1 and c.tenant_id = $2 and c.kind = $3 and (c.created_at_ms, c.id) < ($4, $5)
      order by c.created_at_ms desc, c.id desc
      limit $8
  ) looked_at
  cross join lateral (
    select p.*
      from credledger.validity p
      where p.ledger_id = $1 and p.credential_id = looked_at.id and p.from_position <= $7
      order by p.from_position desc
      limit 1
  ) v
  where v.tenant_id = $2
    and ($11::text[] is null
      or credledger.status_at(v.revoked, v.expires_at_ms, v.suspended, v.created_at_ms, $10::bigint, $9::bigint) = any ($11))
    and ($12::text is null or $12 = any (v.scopes))
    and ($13::bigint is null or v.expires_at_ms < $13)
    and ($16::uuid is null or v.owner_id = $16)
    -- Asked for as a value: one look at the row that holds it.
    and ($14::text is null or $14 = (
      select p.slots->'name'->>1 from credledger.personal p
        where p.ledger_id = $1 and p.stream_id = v.credential_id and p.version = v.name_version))
    and ($15::text is null
      or strpos(lower((
        select p.slots->'name'->>1 from credledger.personal p
          where p.ledger_id = $1 and p.stream_id = v.credential_id and p.version = v.name_version)), lower($15)) > 0
      or strpos(lower((
        select p.slots->'description'->>1 from credledger.personal p
          where p.ledger_id = $1 and p.stream_id = v.credential_id and p.version = v.description_version)), lower($15)) > 0)
  order by looked_at.created_at_ms desc, looked_at.id desc
  limit $6
