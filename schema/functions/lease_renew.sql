-- Lengthens the lease of this boot of a node and says how far it has applied. Refused for a stale boot id, and for a lapsed lease
-- while another node's lives. As for the share lock on the head, and for database_us: see lease_take.
create or replace function credledger.lease_renew(
  ledger int, node uuid, boot uuid, applied bigint, lease_ms bigint,
  out granted boolean, out database_us bigint, out head bigint
) language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  began timestamptz := clock_timestamp();
  now_ms bigint;
begin
  -- Waits here for whoever is taking a lease: the instant that decides is read after that, and another's lease is then seen.
  lock table credledger.nodes in row exclusive mode;
  now_ms := floor(extract(epoch from clock_timestamp()) * 1000);
  update credledger.nodes n
    set applied = lease_renew.applied, renewed_at_ms = now_ms, expires_at_ms = now_ms + lease_ms
    where n.ledger_id = ledger and n.node = lease_renew.node and n.boot = lease_renew.boot
      and (n.expires_at_ms > now_ms or not exists (
        select from credledger.nodes o
          where o.ledger_id = ledger and o.node <> lease_renew.node and o.expires_at_ms > now_ms));
  granted := found;
  select h.head into lease_renew.head from credledger.heads h where h.ledger_id = ledger for share;
  lease_renew.head := coalesce(lease_renew.head, 0);
  database_us := extract(epoch from began + (clock_timestamp() - began) / 2) * 1000000;
end
$function$;
