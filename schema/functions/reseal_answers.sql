-- Puts answers sealed anew in the place of the same ones sealed before; one that has changed or gone meanwhile stays so.
-- Returns how many were replaced.
create or replace function credledger.reseal_answers(
  ledger int, operators uuid[], keys bytea[], before bytea[], anew bytea[]
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  replaced bigint;
begin
  update credledger.idempotency i
    set answer = r.anew
    from unnest(operators, keys, before, anew) as r(operator, key, before, anew)
    where i.ledger_id = ledger and i.operator_id = r.operator and i.key_digest = r.key and i.answer = r.before;
  get diagnostics replaced = row_count;
  return replaced;
end
$function$;
