-- The ledger from a position on, in order: every event once.
-- $1 ledger, $2 the first position, $3 rows
select t.tenant_id, t.position, t.type, t.at_ms, t.stream_id, t.version, t.subject_id, t.actor_id, t.shown_version, t.name_version,
       t.changes, t.mac
  from credledger.trail t
  where t.ledger_id = $1 and not t.is_copy and t.position >= $2
  order by t.position
  limit $3
