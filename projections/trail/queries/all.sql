-- A tenant's trail.
-- $1 ledger, $2 tenant, $3 and $4 between which positions (the first is in it, the second is not), $5 newest first, $6 rows
select t.tenant_id, t.position, t.type, t.at_ms, t.stream_id, t.version, t.subject_id, t.actor_id, t.shown_version, t.name_version,
       t.changes, t.mac
  from (
    (select * from credledger.trail
      where not $5::boolean and ledger_id = $1 and tenant_id = $2 and position >= $3 and position < $4
      order by position limit $6)
    union all
    (select * from credledger.trail
      where $5::boolean and ledger_id = $1 and tenant_id = $2 and position >= $3 and position < $4
      order by position desc limit $6)
  ) t
