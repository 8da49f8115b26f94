-- Verdicts once more, after some claim could not be written: who claims what is held already (2), or else what an earlier command of
-- the batch claims (1: decide again), loses. What is held is said first: to decide again would only meet it again.
create or replace function credledger.judge_claims(
  ledger int, verdicts smallint[], claim_command int[], claim_kind smallint[], claim_key bytea[]
) returns smallint[] language plpgsql
as $function$
declare
  repeated int[];
  taken int[];
begin
  select coalesce(array_agg(c.command) filter (where c.earlier < c.command), '{}'),
         coalesce(array_agg(c.command) filter (where c.held), '{}')
    into repeated, taken
    from (
      select u.command, min(u.command) over (partition by u.kind, u.key) as earlier,
             coalesce((select true from credledger.claims h
               where h.ledger_id = ledger and h.kind = u.kind and h.key = u.key), false) as held
        from unnest(claim_command, claim_kind, claim_key) as u(command, kind, key)
    ) c;
  return (
    select array_agg(case when v.verdict <> 0 then v.verdict when v.c - 1 = any (taken) then 2
                          when v.c - 1 = any (repeated) then 1 else 0 end::smallint order by v.c)
      from unnest(verdicts) with ordinality as v(verdict, c));
end
$function$;
