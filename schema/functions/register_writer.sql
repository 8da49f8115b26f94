-- Makes the ledger's head when it is the first writer, and gives the writer a new epoch: a former self is fenced off.
create or replace function credledger.register_writer(
  ledger int, writer uuid, out epoch bigint, out head bigint, out last_at_ms bigint
) language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  insert into credledger.heads (ledger_id, head, last_at_ms) values (ledger, 0, 0) on conflict do nothing;
  select h.head, h.last_at_ms into register_writer.head, register_writer.last_at_ms
    from credledger.heads h where h.ledger_id = ledger for update;
  insert into credledger.writers as w (ledger_id, writer, epoch) values (ledger, register_writer.writer, 1)
    on conflict (ledger_id, writer) do update set epoch = w.epoch + 1
    returning w.epoch into register_writer.epoch;
end
$function$;
