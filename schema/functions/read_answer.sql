-- The answer kept for one Idempotency-Key of one operator, while it is not too old.
create or replace function credledger.read_answer(ledger int, operator uuid, key bytea, not_before_ms bigint)
returns table (request_digest bytea, status smallint, answer bytea, "position" bigint)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select i.request_digest, i.status, i.answer, i.position
    from credledger.idempotency i
    where i.ledger_id = ledger and i.operator_id = operator and i.key_digest = key and i.at_ms >= not_before_ms;
end;
