-- The same as page.sql, of one member: of the periods in which something was theirs, those that were not over then.
-- $1 ledger, $2 tenant, $3 the kind, $4 and $5 the last row of the page before, $6 rows, $7 the event's position, $8 how many
-- credentials are looked at; then the filters, each null when it is not asked for: $9 the instant that statuses are of, $10 the tenant's
-- warning window of then, $11 statuses, $12 a scope, $13 expires before, $14 name, $15 a text in name or description, $16 the member
-- that they belonged to
select v.credential_id, v.created_at_ms, v.from_position, v.expires_at_ms, v.description_version, v.name_version, v.owner_id, v.revoked,
       v.scopes, v.suspended
  from (
    select p.*
      from credledger.validity p
      where p.ledger_id = $1 and p.tenant_id = $2 and p.owner_id = $16 and p.kind = $3 and (p.created_at_ms, p.credential_id) < ($4, $5)
        and p.from_position <= $7
      order by p.created_at_ms desc, p.credential_id desc, p.from_position desc
      limit $8
  ) v
  -- Asked for as a value, as the names below: one look by the index.
  where (
      select n.from_position from credledger.validity n
        where n.ledger_id = $1 and n.credential_id = v.credential_id and n.from_position > v.from_position and n.from_position <= $7
        limit 1) is null
    and ($11::text[] is null
      or credledger.status_at(v.revoked, v.expires_at_ms, v.suspended, v.created_at_ms, $10::bigint, $9::bigint) = any ($11))
    and ($12::text is null or $12 = any (v.scopes))
    and ($13::bigint is null or v.expires_at_ms < $13)
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
  order by v.created_at_ms desc, v.credential_id desc
  limit $6
