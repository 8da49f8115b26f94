-- Takes personal values away for good: of these versions of a stream the named members, or all where none is named. Returns how many
-- there were. The append alone calls it, with the event that says so. A row that was macked together with what its subject is called
-- loses that mac with the name: 36 bytes (vault::MAC_BYTES) are the row's own.
create or replace function credledger.erase_values(ledger int, stream uuid, first int, last int, named text[]) returns bigint
language plpgsql
as $function$
#variable_conflict use_column
declare
  erased bigint;
begin
  select count(*) into erased
    from credledger.personal p cross join lateral json_object_keys(p.slots) as k(member)
    where p.ledger_id = ledger and p.stream_id = stream and p.version between first and last
      and (named is null or k.member = any (named));
  if named is not null then
    -- as canonical as it was, so that nothing of it becomes longer
    update credledger.personal p
      set slots = coalesce((
        select '{' || string_agg(to_json(k.key)::text || ':' || k.value::text, ',' order by k.key collate "C") || '}'
          from json_each(p.slots) as k(key, value)
          where k.key <> all (named)), '{}')::json
      where p.ledger_id = ledger and p.stream_id = stream and p.version between first and last;
  end if;
  delete from credledger.personal p
    where p.ledger_id = ledger and p.stream_id = stream and p.version between first and last
      and (named is null or p.slots::text = '{}');
  if named is null or 'name' = any (named) then
    update credledger.credentials c set mac = substring(c.mac for 36)
      where c.ledger_id = ledger and c.id = stream and c.name_version between first and last;
    update credledger.operators o set mac = substring(o.mac for 36)
      where o.ledger_id = ledger and o.id = stream and o.name_version between first and last;
  end if;
  return erased;
end
$function$;
