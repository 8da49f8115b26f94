-- Which commands are in conflict, because a stream that they guard has moved, or an earlier command of the batch writes it? A stream
-- that is written without its one guard breaks the contract of the append (CL002). Each stream is looked up once.
create or replace function credledger.judge_guards(
  ledger int, guard_command int[], guard_stream uuid[], guard_version int[],
  event_command int[], event_stream uuid[], event_version int[]
) returns int[] language plpgsql
as $function$
declare
  moved int[];
  met bigint;
  written bigint;
  sound bigint;
begin
  with written as materialized (
    select e.command, e.stream, min(e.version) as first, max(e.version) as last, count(*) as events
      from unnest(event_command, event_stream, event_version) as e(command, stream, version)
      group by e.command, e.stream
  ), first_writers as (
    select w.stream, min(w.command) as command from written w group by w.stream
  ), streams as (
    select s.stream, coalesce((
        select e.version from credledger.events e
          where e.ledger_id = ledger and e.stream_id = s.stream order by e.version desc limit 1), 0) as version
      from (select distinct u.stream from unnest(guard_stream) as u(stream)) s
  )
  select coalesce(array_agg(g.command) filter (where g.version is distinct from s.version or f.command < g.command), '{}'),
         count(*),
         count(*) filter (where w.first = g.version + 1 and w.last = g.version + w.events),
         (select count(*) from written)
    into moved, met, sound, written
    from unnest(guard_command, guard_stream, guard_version) as g(command, stream, version)
    join streams s on s.stream = g.stream
    left join first_writers f on f.stream = g.stream
    left join written w on w.stream = g.stream and w.command = g.command;
  if met <> cardinality(guard_command) or sound <> written then
    raise exception using errcode = 'CL002',
      message = 'a stream is written without its one guard, or its versions do not follow the guarded one';
  end if;
  return moved;
end
$function$;
