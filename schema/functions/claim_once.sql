-- Claims each of these for its tenant, and returns the places (from 1) of those that this batch was first with. What is over already
-- by the database's clock is nobody's: its row may have been forgotten. The callers give them in one order, so that two batches
-- never wait for each other. Asked again under the same id, it answers the same.
create or replace function credledger.claim_once(
  ledger int, batch uuid, tenants uuid[], kinds text[], digests bytea[], credentials uuid[], untils_ms bigint[]
) returns setof int
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  insert into credledger.claimed_once (ledger_id, tenant_id, kind, digest, credential_id, batch_id, until_ms)
    select ledger, c.tenant, c.kind, c.digest, c.credential, batch, c.until_ms
      from unnest(tenants, kinds, digests, credentials, untils_ms) with ordinality
        as c (tenant, kind, digest, credential, until_ms, place)
      where c.until_ms > (extract(epoch from clock_timestamp()) * 1000)::bigint
      order by c.place
    on conflict do nothing;
  return query
    select c.place::int
      from unnest(tenants, kinds, digests) with ordinality as c (tenant, kind, digest, place)
      join credledger.claimed_once o
        on o.ledger_id = ledger and o.tenant_id = c.tenant and o.kind = c.kind and o.digest = c.digest
      where o.batch_id = batch;
end
$function$;
