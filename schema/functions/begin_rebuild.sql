-- The first step of building projections anew: appends wait from here to the end of the transaction, and the old tables go with
-- it. For the owner alone, inside a transaction.
create or replace function credledger.begin_rebuild(projections text[]) returns void
language plpgsql
as $function$
declare
  projection text;
begin
  lock table credledger.heads in exclusive mode;
  foreach projection in array projections loop
    execute format('drop table if exists credledger.%I', projection);
    execute format('drop type if exists credledger.%I', projection || '_facts');
  end loop;
end
$function$;
