-- A tenant's trail: events of some types. Each type is walked in order by itself, and the first of all are taken.
-- $1 ledger, $2 tenant, $3 and $4 between which positions (the first is in it, the second is not), $5 newest first, $6 rows, $7 the types
select t.tenant_id, t.position, t.type, t.at_ms, t.stream_id, t.version, t.subject_id, t.actor_id, t.shown_version, t.name_version,
       t.changes, t.mac
  from (
    (select w.position from unnest($7::text[]) as k(type)
      cross join lateral (
        select position from credledger.trail
          where not $5::boolean and ledger_id = $1 and tenant_id = $2 and type = k.type and position >= $3 and position < $4
          order by position limit $6) w
      order by w.position limit $6)
    union all
    (select w.position from unnest($7::text[]) as k(type)
      cross join lateral (
        select position from credledger.trail
          where $5::boolean and ledger_id = $1 and tenant_id = $2 and type = k.type and position >= $3 and position < $4
          order by position desc limit $6) w
      order by w.position desc limit $6)
  ) p
  cross join lateral (
    select * from credledger.trail where ledger_id = $1 and tenant_id = $2 and position = p.position limit 1) t
