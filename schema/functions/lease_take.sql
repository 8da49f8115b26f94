-- A node's first lease. Refused while another node's lease lives; a node's own is taken over at once under its new boot id.
-- The head is read under its own share lock, which is held until this commits: an append either stands before it and is in the
-- head that is returned, or comes after it and finds the lease.
-- database_us is the middle of this call: what it waited for locks then lies as much before the reading as after it, and whoever
-- counts the reading to the middle of the round trip is not misled by the wait.
create or replace function credledger.lease_take(
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
  -- one taker at a time, and no renewal meanwhile
  lock table credledger.nodes in share row exclusive mode;
  now_ms := floor(extract(epoch from clock_timestamp()) * 1000);
  granted := not exists (
    select from credledger.nodes n
      where n.ledger_id = ledger and n.node <> lease_take.node and n.expires_at_ms > now_ms);
  if granted then
    insert into credledger.nodes (ledger_id, node, boot, applied, started_at_ms, renewed_at_ms, expires_at_ms)
      values (ledger, lease_take.node, lease_take.boot, lease_take.applied, now_ms, now_ms, now_ms + lease_ms)
      on conflict (ledger_id, node) do update set
        boot = excluded.boot, applied = excluded.applied, started_at_ms = excluded.started_at_ms,
        renewed_at_ms = excluded.renewed_at_ms, expires_at_ms = excluded.expires_at_ms;
  end if;
  select h.head into lease_take.head from credledger.heads h where h.ledger_id = ledger for share;
  lease_take.head := coalesce(lease_take.head, 0);
  database_us := extract(epoch from began + (clock_timestamp() - began) / 2) * 1000000;
end
$function$;
