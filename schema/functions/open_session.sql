-- Opens a session of an operator, who has at most so many: one more ends the oldest.
create or replace function credledger.open_session(
  ledger int, of_digest bytea, operator uuid, opened_ms bigint, ends_ms bigint, of_mac bytea, at_most int
) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  -- one at a time for each operator, so that the bound holds
  perform pg_advisory_xact_lock(hashtextextended(operator::text, ledger));
  delete from credledger.sessions s
    where s.ledger_id = ledger and s.digest in (
      select o.digest from credledger.sessions o
        where o.ledger_id = ledger and o.operator_id = operator
        order by o.opened_at_ms desc, o.digest offset at_most - 1);
  insert into credledger.sessions (ledger_id, digest, operator_id, opened_at_ms, seen_at_ms, ends_at_ms, mac)
    values (ledger, of_digest, operator, opened_ms, opened_ms, ends_ms, of_mac);
end
$function$;
