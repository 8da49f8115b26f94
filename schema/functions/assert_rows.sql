-- A batch whose rows do not all arrive is undone: `written` against the rows of the commands that won.
create or replace function credledger.assert_rows(written bigint, command int[], verdicts smallint[], lost boolean, what text)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
declare
  due bigint := cardinality(command);
begin
  if lost then
    select count(*) into due from unnest(command) c where verdicts[c + 1] = 0;
  end if;
  if written is distinct from due then
    raise exception using errcode = 'CL005', message = format('%s rows of %s were written, where %s were due', written, what, due);
  end if;
end
$function$;
