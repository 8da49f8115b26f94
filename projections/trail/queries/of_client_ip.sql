-- A tenant's trail: events that came from one address.
-- $1 ledger, $2 tenant, $3 and $4 between which positions (the first is in it, the second is not), $5 newest first, $6 rows, $7 how many
-- of them to leave out first;
-- $8 the address; $9 rows in the answer and further filters that each of those rows is held to, null when not asked for:
-- $10 types, $11 actor
select t.tenant_id, t.position, t.type, t.at_ms, t.stream_id, t.version, t.subject_id, t.actor_id, t.shown_version, t.name_version,
       t.changes, t.mac
  from (
    (select * from credledger.trail
      where not $5::boolean and ledger_id = $1 and tenant_id = $2 and client_ip = $8 and position >= $3 and position < $4
      order by position limit $6 offset $7)
    union all
    (select * from credledger.trail
      where $5::boolean and ledger_id = $1 and tenant_id = $2 and client_ip = $8 and position >= $3 and position < $4
      order by position desc limit $6 offset $7)
  ) t
  where ($10::text[] is null or t.type = any ($10))
    and ($11::uuid is null or t.actor_id = $11)
  limit $9
