-- Credentials of a tenant that nothing happened to between two positions, and that the clock may have changed between their instants: in
-- the order of the instants at which it may have. Each is asked for at the first of these.
-- $1 ledger, $2 tenant; $3 and $4 the positions; $5 and $6 between which instants (the first is not in it, the second is); $7 and $8 the last
-- row of the page before; $9 how many are looked at; $10 and $11 the instants of a range that was asked for before
-- Each look is asked for as a value, so that it is one by the index, and never of all that there are.
select e.credential_id, e.at_ms,
       (select f.at_ms from credledger.validity_ends f
          where f.ledger_id = $1 and f.credential_id = e.credential_id and f.from_position = e.from_position
            and f.at_ms < e.at_ms and (f.at_ms > $5 or (f.at_ms > $10 and f.at_ms <= $11))
          limit 1) is null
       and (select v.from_position from credledger.validity v
          where v.ledger_id = $1 and v.credential_id = e.credential_id and v.from_position > e.from_position and v.from_position <= $3
          limit 1) is null
       and (select t.position from credledger.trail t
          where t.ledger_id = $1 and t.tenant_id = $2 and t.subject_id = e.credential_id and t.position > $3 and t.position <= $4
          limit 1) is null
  from (
    select n.credential_id, n.at_ms, n.from_position
      from credledger.validity_ends n
      where n.ledger_id = $1 and n.tenant_id = $2 and n.at_ms > $5 and n.at_ms <= $6 and (n.at_ms, n.credential_id) > ($7, $8)
        -- What begins behind the first position is something that happened.
        and n.from_position <= $3
      order by n.at_ms, n.credential_id, n.from_position desc
      limit $9
  ) e
  order by e.at_ms, e.credential_id
