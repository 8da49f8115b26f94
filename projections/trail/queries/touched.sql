-- Events of a tenant's keys and clients, in order, each with whether it is the first of its credential since a position.
-- $1 ledger, $2 tenant, $3 the position before the first, $4 behind which position the page begins, $5 the last position, $6 rows
select t.tenant_id, t.position, t.type, t.at_ms, t.stream_id, t.version, t.subject_id, t.actor_id, t.shown_version, t.name_version,
       t.changes, t.mac,
       (select e.position from credledger.trail e
          where e.ledger_id = $1 and e.tenant_id = $2 and e.subject_id = t.subject_id and e.position > $3 and e.position < t.position
          limit 1) is null
  from (
    (select * from credledger.trail
      where ledger_id = $1 and tenant_id = $2 and family = 'api_key' and position > $4 and position <= $5
      order by position limit $6)
    union all
    (select * from credledger.trail
      where ledger_id = $1 and tenant_id = $2 and family = 'oauth_client' and position > $4 and position <= $5
      order by position limit $6)
    order by position limit $6
  ) t
  order by t.position
