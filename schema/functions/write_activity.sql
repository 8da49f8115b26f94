-- Writes a batch of a node's rows, and the answers that are kept of the requests that brought them, all or nothing. Returns whether it
-- was written now; sent again it is found to be there already. Batches come strictly one after the other.
create or replace function credledger.write_activity(
  ledger int, of_node uuid, of_boot uuid, first_seq bigint,
  ids uuid[], completing uuid[], judged boolean[], tenants uuid[], credentials uuid[], secrets uuid[], kinds text[],
  outcomes text[], statuses smallint[], latencies int[],
  operations text[], providers text[], models text[], errors text[], client_ips inet[], request_ids text[], asked text[],
  salts bytea[],
  operators uuid[], key_digests bytea[], request_digests bytea[], answers bytea[], at_ms bigint
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  kept_ms constant bigint := 86400000;
  at_next bigint;
  kept bigint;
begin
  update credledger.activity_nodes n set next_seq = first_seq + cardinality(ids)
    where n.ledger_id = ledger and n.node = of_node and n.boot = of_boot and n.next_seq = first_seq;
  if not found then
    select n.next_seq into at_next from credledger.activity_nodes n
      where n.ledger_id = ledger and n.node = of_node and n.boot = of_boot;
    if at_next >= first_seq + cardinality(ids) then
      return false;
    end if;
    raise exception 'the rows of node % do not go on from %', of_node, first_seq using errcode = 'CL002';
  end if;
  insert into credledger.activity (ledger_id, place, id, completes, judged, tenant_id, credential_id, secret_id, kind, outcome, status,
      latency_ms, operation, provider, model, error, client_ip, request_id, asked, salt, node, seq)
    select ledger, coalesce(r.completes, r.id), r.id, r.completes, r.judged, r.tenant, r.credential, r.secret, r.kind, r.outcome, r.status,
           r.latency, r.operation, r.provider, r.model, r.error, r.client_ip, r.request_id, r.asked, r.salt, of_node, first_seq + r.place - 1
      from unnest(ids, completing, judged, tenants, credentials, secrets, kinds, outcomes, statuses, latencies, operations, providers,
             models, errors, client_ips, request_ids, asked, salts) with ordinality
        as r (id, completes, judged, tenant, credential, secret, kind, outcome, status, latency, operation, provider,
             model, error, client_ip, request_id, asked, salt, place);
  -- An answer that is too old to be repeated may not be forgotten yet.
  insert into credledger.idempotency as i (ledger_id, operator_id, key_digest, request_digest, status, answer, position, at_ms)
    select ledger, k.operator, k.key_digest, k.request_digest, 200, k.answer, null, write_activity.at_ms
      from unnest(operators, key_digests, request_digests, answers) as k (operator, key_digest, request_digest, answer)
    on conflict (ledger_id, operator_id, key_digest) do update
      set request_digest = excluded.request_digest, status = excluded.status, answer = excluded.answer, position = null,
          at_ms = excluded.at_ms
      where i.at_ms < excluded.at_ms - kept_ms;
  get diagnostics kept = row_count;
  if kept <> cardinality(operators) then
    raise exception 'an Idempotency-Key of this batch is taken' using errcode = '23505', constraint = 'idempotency_pkey';
  end if;
  return true;
end
$function$;
