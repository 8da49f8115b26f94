-- The shape of a batch: parallel arrays are equally long, and every row belongs to one of its commands. Otherwise a short array
-- would be padded with nulls, and a guard without a stream guards nothing.
create or replace function credledger.assert_batch(
  commands int, guards int[], events int[], personal int[], claims int[], quotas int[], answers int[], rows int[], erasures int[],
  seen int, owners int[]
) returns void language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $function$
begin
  if commands > 0
    and guards[1] = all (guards) and events[1] = all (events) and personal[1] = all (personal) and claims[1] = all (claims)
    and quotas[1] = all (quotas) and answers[1] = all (answers) and rows[1] = all (rows)
    and erasures[1] = all (erasures) and seen = commands and 0 <= all (owners) and commands > all (owners) then
    return;
  end if;
  raise exception using errcode = 'CL002', message = 'the arrays of this batch do not fit together';
end
$function$;
