-- Which of the commands still standing exceed a quota? Judged in their order, counting those before that are accepted.
--
-- First a running sum over all of them, in which whoever goes over is out; it can only be too high, because a command with a
-- limited quota must not lower any (CL002). Then the sum of the accepted ones alone: whoever is over even so is refused for
-- certain; whoever would now fit is retried (a big demand was refused before a small one).
create or replace function credledger.judge_quotas(
  ledger int, verdicts smallint[],
  quota_command int[], quota_subject uuid[], quota_name text[], quota_delta bigint[], quota_limit bigint[],
  out refused int[], out retried int[]
) language plpgsql
as $function$
#variable_conflict use_column
declare
  outs int[];
  mixed boolean;
begin
  with demands as (
    select u.command, u.subject, u.name, u.delta, u.most, u.place
      from unnest(quota_command, quota_subject, quota_name, quota_delta, quota_limit)
        with ordinality as u(command, subject, name, delta, most, place)
      where verdicts[u.command + 1] = 0
  ), counters as (
    select d.subject, d.name, coalesce((select c.value from credledger.counters c
        where c.ledger_id = ledger and c.subject = d.subject and c.name = d.name), 0) as value
      from (select distinct q.subject, q.name from demands q) d
  ), sums as (
    select d.command, d.most,
           k.value + sum(d.delta) over (partition by d.subject, d.name order by d.command, d.place) as value
      from demands d join counters k on k.subject = d.subject and k.name = d.name
  )
  select coalesce(array_agg(distinct s.command) filter (where s.value > s.most), '{}'),
         (select coalesce(bool_or(d.limited and d.lowers), false)
            from (select bool_or(most is not null) as limited, bool_or(delta < 0) as lowers from demands group by command) d)
    into outs, mixed from sums s;
  if mixed then
    raise exception using errcode = 'CL002', message = 'one command both lowers a counter and is limited by one';
  end if;
  refused := '{}';
  retried := '{}';
  if cardinality(outs) = 0 then
    return;
  end if;

  with demands as (
    select u.command, u.subject, u.name, u.delta, u.most, u.place, u.command = any (outs) as over
      from unnest(quota_command, quota_subject, quota_name, quota_delta, quota_limit)
        with ordinality as u(command, subject, name, delta, most, place)
      where verdicts[u.command + 1] = 0
  ), sums as (
    select d.command, d.most,
           coalesce((select c.value from credledger.counters c
             where c.ledger_id = ledger and c.subject = d.subject and c.name = d.name), 0)
           + case when d.over then d.delta else 0 end
           + coalesce(sum(case when d.over then 0 else d.delta end)
               over (partition by d.subject, d.name order by d.command, d.place), 0) as value
      from demands d
  ), judged as (
    select s.command, bool_or(s.value > s.most) is true as certain from sums s where s.command = any (outs) group by s.command
  )
  select coalesce(array_agg(j.command) filter (where j.certain), '{}'),
         coalesce(array_agg(j.command) filter (where not j.certain), '{}')
    into refused, retried from judged j;
end
$function$;
