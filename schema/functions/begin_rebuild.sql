-- The first step of building projections anew: appends wait from here to the end of the transaction, and the old tables go with
-- it; so do functions whose body reads them, and policies of other tables that do: functions and privileges, applied in the same
-- transaction, make these again. For the owner alone, inside a transaction.
create or replace function credledger.begin_rebuild(projections text[]) returns void
language plpgsql
as $function$
declare
  projection text;
begin
  lock table credledger.heads in exclusive mode;
  foreach projection in array projections loop
    execute format('drop table if exists credledger.%I, credledger.%I, credledger.%I cascade',
      projection, projection || '_progress', projection || '_ends');
    execute format('drop type if exists credledger.%I, credledger.%I', projection || '_facts', projection || '_row');
  end loop;
end
$function$;
