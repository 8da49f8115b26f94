-- What became of `batch`, whose answer was lost? Takes the head's lock, so the batch has either committed before or, its epoch
-- being past, never will. `known`: it committed, and the rest is the answer that was lost.
create or replace function credledger.settle(
  ledger int, writer uuid, batch uuid,
  out epoch bigint, out known boolean, out head bigint, out last_at_ms bigint,
  out first_position bigint, out verdicts smallint[], out positions bigint[]
) language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  select h.head, h.last_at_ms into settle.head, settle.last_at_ms
    from credledger.heads h where h.ledger_id = ledger for update;
  update credledger.writers w set epoch = w.epoch + 1
    where w.ledger_id = ledger and w.writer = settle.writer
    returning w.epoch, w.batch is not distinct from settle.batch, w.first_position, w.verdicts, w.positions
    into settle.epoch, settle.known, settle.first_position, settle.verdicts, settle.positions;
  if not found then
    raise exception using errcode = 'CL001', message = 'this writer was never registered on this ledger';
  end if;
  if not settle.known then
    settle.first_position := null;
    settle.verdicts := null;
    settle.positions := null;
  end if;
end
$function$;
