-- How far the node has sealed, and in which day's stream it seals. The ledger knows it exactly; this says where to look.
create or replace function credledger.note_activity_seal(ledger int, of_node uuid, of_boot uuid, unsealed bigint, day int) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  update credledger.activity_nodes n set unsealed_seq = greatest(n.unsealed_seq, unsealed), sealing_day = day
    where n.ledger_id = ledger and n.node = of_node and n.boot = of_boot;
end;
