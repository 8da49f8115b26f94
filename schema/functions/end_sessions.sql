-- Ends all sessions of an operator; returns how many there were.
create or replace function credledger.end_sessions(ledger int, operator uuid) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
  ended bigint;
begin
  -- none is opened meanwhile (see open_session)
  perform pg_advisory_xact_lock(hashtextextended(operator::text, ledger));
  delete from credledger.sessions s where s.ledger_id = ledger and s.operator_id = operator;
  get diagnostics ended = row_count;
  return ended;
end
$function$;
