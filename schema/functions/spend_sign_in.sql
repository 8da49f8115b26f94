-- Whether this sign-in is completed for the first time.
create or replace function credledger.spend_sign_in(ledger int, of_digest bytea, ends_ms bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
  insert into credledger.spent_sign_ins (ledger_id, digest, ends_at_ms) values (ledger, of_digest, ends_ms)
    on conflict do nothing;
  return found;
end
$function$;
