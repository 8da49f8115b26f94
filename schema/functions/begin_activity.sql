-- From now on this process writes the node's rows, and no older one: what that has on its way is waited for, and what it sends later
-- is refused. Returns how far the node has come.
create or replace function credledger.begin_activity(ledger int, of_node uuid, of_boot uuid)
returns table (next_seq bigint, unsealed_seq bigint, sealing_day int)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  return query
    insert into credledger.activity_nodes as n (ledger_id, node, boot, next_seq, unsealed_seq, sealing_day)
      values (ledger, of_node, of_boot, 1, 1, 0)
      on conflict on constraint activity_nodes_pkey do update set boot = excluded.boot
      returning n.next_seq, n.unsealed_seq, n.sealing_day;
end
$function$;
