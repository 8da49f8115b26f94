-- Ends the lease of this boot of a node, when it stops in order.
create or replace function credledger.lease_release(
  ledger int, node uuid, boot uuid,
  out granted boolean, out database_us bigint, out head bigint
) language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  database_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
  delete from credledger.nodes n
    where n.ledger_id = ledger and n.node = lease_release.node and n.boot = lease_release.boot;
  granted := found;
  select h.head into lease_release.head from credledger.heads h where h.ledger_id = ledger;
  lease_release.head := coalesce(lease_release.head, 0);
end
$function$;
