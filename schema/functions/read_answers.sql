-- A page of the stored answers, by their keys and behind the given ones: for sealing them anew under a newer master key.
create or replace function credledger.read_answers(ledger int, after_operator uuid, after_key bytea, at_most int)
returns table (operator_id uuid, key_digest bytea, answer bytea)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select i.operator_id, i.key_digest, i.answer
    from credledger.idempotency i
    where i.ledger_id = ledger and (i.operator_id, i.key_digest) > (after_operator, after_key)
    order by i.operator_id, i.key_digest
    limit at_most;
end;
