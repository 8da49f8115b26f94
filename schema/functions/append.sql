-- The one way into the log: a whole batch in one call, in a constant number of statements (but for claims that are given back, one
-- each, when a quota refuses who has taken them).
--
-- The head's row is locked first, so one append runs at a time, and everything below it reads what will still hold at commit.
-- Commands are numbered from 0; every other array says by its `*_command` to which one a row belongs.
--
-- outcome   0 done · 1 behind: at_ms lies before the last event, nothing was written, stamp the batch again
--           2 fenced: the epoch is not the writer's (or the batch is its last), nothing was written, settle
-- verdicts  0 committed · 1 conflict: decide again · 2 claim taken · 3 quota exceeded · 4 idempotency key already stored
-- positions the last position of each command that won and has events, else null
--
-- A command that loses leaves nothing. A batch that breaks the contract of this function (CL002, CL005) is refused whole.
create or replace function credledger.append(
  ledger int, writer uuid, epoch bigint, batch uuid, at_ms bigint, commands int,
  -- every stream that a command read or writes, with the version it saw (0: none)
  guard_command int[], guard_stream uuid[], guard_version int[],
  event_command int[], event_stream uuid[], event_version int[], event_tenant uuid[], event_type text[],
  event_entry bytea[], event_mac bytea[], event_leaf bytea[],
  personal_command int[], personal_stream uuid[], personal_version int[], personal_tenant uuid[], personal_subject uuid[],
  personal_slots text[],
  claim_command int[], claim_kind smallint[], claim_key bytea[], claim_stream uuid[],
  -- a null limit: counted, never refused
  quota_command int[], quota_subject uuid[], quota_name text[], quota_delta bigint[], quota_limit bigint[],
  answer_command int[], answer_operator uuid[], answer_key bytea[], answer_request bytea[], answer_status smallint[],
  answer_body bytea[],
  -- those of one projection stand together
  row_command int[], row_projection text[], row_id uuid[], row_tenant uuid[], row_version int[], row_record bytea[],
  row_mac bytea[], row_facts text[],
  -- of each command: how many events were known where its decision was read. An erasure among later ones has it decided again
  seen bigint[],
  -- what goes from the personal rows with a command's event: of these versions of a stream these members (null: all), so many values
  erasure_command int[], erasure_stream uuid[], erasure_first int[], erasure_last int[], erasure_members text[],
  erasure_values bigint[],
  out outcome smallint, out last_at_ms bigint, out first_position bigint, out verdicts smallint[], out positions bigint[]
) language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- One plan for every size of batch: tables are reached by index, one probe a row (sub-selects), and sets meet by hashing. Left to
-- itself the planner would plan each call anew, or keep a plan made while the tables were empty.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_nestloop = off
set jit = off
as $function$
#variable_conflict use_column
declare
  -- limits::IDEMPOTENCY_KEPT: an answer older than this counts as absent, whether it is forgotten yet or not
  kept_ms constant bigint := 86400000;
  head bigint;
  erased_at bigint;
  erasing boolean := false;
  held_epoch bigint;
  held_batch uuid;
  plain boolean;
  moved int[] := '{}';
  stored int[] := '{}';
  claim record;
  places bigint[];
  written bigint;
  refused int[] := '{}';
  retried int[] := '{}';
  tight boolean := false;
  lost boolean;
  n bigint;
  tally bigint;
  told boolean;
begin
  select h.head, h.last_at_ms, h.erased_at into head, last_at_ms, erased_at from credledger.heads h where h.ledger_id = ledger for update;
  if not found then
    raise exception using errcode = 'CL001', message = 'this ledger has no head yet: register a writer first';
  end if;
  select w.epoch, w.batch into held_epoch, held_batch
    from credledger.writers w where w.ledger_id = ledger and w.writer = append.writer;
  if held_epoch is distinct from append.epoch or held_batch = append.batch then
    outcome := 2;
    return;
  end if;
  if append.at_ms < last_at_ms then
    outcome := 1;
    return;
  end if;

  perform credledger.assert_batch(commands,
    array[cardinality(guard_command), cardinality(guard_stream), cardinality(guard_version)],
    array[cardinality(event_command), cardinality(event_stream), cardinality(event_version), cardinality(event_tenant),
          cardinality(event_type), cardinality(event_entry), cardinality(event_mac), cardinality(event_leaf)],
    array[cardinality(personal_command), cardinality(personal_stream), cardinality(personal_version),
          cardinality(personal_tenant), cardinality(personal_subject), cardinality(personal_slots)],
    array[cardinality(claim_command), cardinality(claim_kind), cardinality(claim_key), cardinality(claim_stream)],
    array[cardinality(quota_command), cardinality(quota_subject), cardinality(quota_name), cardinality(quota_delta),
          cardinality(quota_limit)],
    array[cardinality(answer_command), cardinality(answer_operator), cardinality(answer_key), cardinality(answer_request),
          cardinality(answer_status), cardinality(answer_body)],
    array[cardinality(row_command), cardinality(row_projection), cardinality(row_id), cardinality(row_tenant),
          cardinality(row_version), cardinality(row_record), cardinality(row_mac), cardinality(row_facts)],
    array[cardinality(erasure_command), cardinality(erasure_stream), cardinality(erasure_first), cardinality(erasure_last),
          cardinality(erasure_members), cardinality(erasure_values)],
    cardinality(seen),
    guard_command || event_command || personal_command || claim_command || quota_command || answer_command || row_command || erasure_command);

  -- conflicts: nearly always each stream is where all its guards saw it, and written by none but the one command that guards it
  select array_position(guard_version, null) is null and coalesce(bool_and(g.low = g.high
             and g.low = coalesce((
               select e.version from credledger.events e
                 where e.ledger_id = ledger and e.stream_id = g.stream order by e.version desc limit 1), 0)
             and (w.stream is null or g.guards = 1 and g.command = w.command and w.command = w.upto
                    and w.first = g.low + 1 and w.last = g.low + w.events)), true)
         and count(w.stream) = (select count(distinct e.stream) from unnest(event_stream) as e(stream))
    into plain
    from (
      select u.stream, min(u.command) as command, min(u.version) as low, max(u.version) as high, count(*) as guards
        from unnest(guard_command, guard_stream, guard_version) as u(command, stream, version)
        group by u.stream
    ) g
    left join (
      select u.stream, min(u.command) as command, max(u.command) as upto, min(u.version) as first, max(u.version) as last,
             count(*) as events
        from unnest(event_command, event_stream, event_version) as u(command, stream, version)
        group by u.stream
    ) w on w.stream = g.stream;
  if not plain then
    moved := credledger.judge_guards(
      ledger, guard_command, guard_stream, guard_version, event_command, event_stream, event_version);
  end if;

  -- What was erased may stand in whatever was read before: such a command decides again, and so does each behind an erasure here.
  if erased_at > any (seen) or cardinality(erasure_command) > 0 then
    moved := moved || array(
      select u.place::int - 1 from unnest(seen) with ordinality as u(seen, place)
        where u.seen < erased_at or u.place - 1 > (select min(e) from unnest(erasure_command) as e));
  end if;

  if cardinality(answer_command) > 0 then
    select coalesce(array_agg(a.command) filter (where a.earlier < a.command), '{}') || moved,
           coalesce(array_agg(a.command) filter (where a.held), '{}')
      into moved, stored
      from (
        select u.command, min(u.command) over (partition by u.operator, u.key) as earlier,
               coalesce((select true from credledger.idempotency h
                 where h.ledger_id = ledger and h.operator_id = u.operator and h.key_digest = u.key
                   and h.at_ms >= append.at_ms - kept_ms), false) as held
          from unnest(answer_command, answer_operator, answer_key) as u(command, operator, key)
      ) a;
  end if;

  verdicts := array_fill(0::smallint, array[commands]);
  lost := cardinality(stored) + cardinality(moved) > 0;
  if lost then
    select array_agg(case when c = any (stored) then 4 when c = any (moved) then 1 else 0 end::smallint order by c)
      into verdicts from generate_series(0, commands - 1) as c;
  end if;

  -- claims are taken by writing them; only where that fails are they looked up
  for attempt in 1 .. 2 loop
    begin
      insert into credledger.claims (ledger_id, kind, key, stream_id)
        select ledger, c.kind, c.key, c.stream
          from (select unnest(claim_command) as command, unnest(claim_kind) as kind, unnest(claim_key) as key,
                       unnest(claim_stream) as stream) c
          where verdicts[c.command + 1] = 0;
      get diagnostics n = row_count;
      exit;
    exception when unique_violation then
      if attempt = 2 then
        raise;
      end if;
      lost := true;
      verdicts := credledger.judge_claims(ledger, verdicts, claim_command, claim_kind, claim_key);
    end;
  end loop;
  if lost or n <> cardinality(claim_command) then
    perform credledger.assert_rows(n, claim_command, verdicts, lost, 'claims');
  end if;

  -- most batches fit whatever their order; only one that might not is judged row by row
  if cardinality(quota_command) > 0 then
    select bool_or(q.least_limit < q.most + coalesce((select k.value from credledger.counters k
             where k.ledger_id = ledger and k.subject = q.subject and k.name = q.name), 0))
      into tight
      from (
        select u.subject, u.name, min(u.least) as least_limit, sum(greatest(u.delta, 0)) as most
          from unnest(quota_subject, quota_name, quota_delta, quota_limit) as u(subject, name, delta, least)
          group by u.subject, u.name
      ) q;
  end if;
  if tight then
    select q.refused, q.retried into refused, retried
      from credledger.judge_quotas(ledger, verdicts, quota_command, quota_subject, quota_name, quota_delta, quota_limit) q;
    if cardinality(refused) + cardinality(retried) > 0 then
      lost := true;
      select array_agg(case when v.verdict <> 0 then v.verdict when v.c - 1 = any (refused) then 3
                            when v.c - 1 = any (retried) then 1 else 0 end::smallint order by v.c)
        into verdicts from unnest(verdicts) with ordinality as v(verdict, c);
      -- what they have just taken is free again
      for claim in
        select c.kind, c.key from unnest(claim_command, claim_kind, claim_key) as c(command, kind, key)
          where c.command = any (refused || retried)
      loop
        delete from credledger.claims h where h.ledger_id = ledger and h.kind = claim.kind and h.key = claim.key;
      end loop;
    end if;
  end if;

  -- from here on: the rows of the winners
  first_position := head;
  if not lost and event_command = array(select generate_series(0, commands - 1)) then
    -- nearly always: every command has one event
    places := array(select generate_series(head, head + commands - 1));
    positions := places;
  else
    select array_agg(p.position order by p.place) into places
      from (
        select e.place, case when e.won then head - 1 + count(*) filter (where e.won) over (order by e.command, e.place) end
                 as position
          from (
            select u.command, u.place, verdicts[u.command + 1] = 0 as won
              from unnest(event_command) with ordinality as u(command, place)
          ) e
      ) p;
    select array_agg(p.upto order by p.c) into positions
      from (
        select c, max(e.position) as upto
          from generate_series(0, commands - 1) as c
          left join unnest(event_command, places) as e(command, position) on e.command = c
          group by c
      ) p;
  end if;
  insert into credledger.events (ledger_id, position, stream_id, version, tenant_id, type, at_ms, entry, mac, leaf)
    select ledger, e.position, e.stream, e.version, e.tenant, e.type, append.at_ms, e.entry, e.mac, e.leaf
      from (select unnest(places) as position, unnest(event_stream) as stream, unnest(event_version) as version,
                   unnest(event_tenant) as tenant, unnest(event_type) as type, unnest(event_entry) as entry,
                   unnest(event_mac) as mac, unnest(event_leaf) as leaf) e
      where e.position is not null;
  get diagnostics written = row_count;
  if lost or written <> cardinality(event_command) then
    perform credledger.assert_rows(written, event_command, verdicts, lost, 'events');
  end if;

  insert into credledger.personal (ledger_id, stream_id, version, tenant_id, subject, slots)
    select ledger, p.stream, p.version, p.tenant, p.subject, p.slots::json
      from (select unnest(personal_command) as command, unnest(personal_stream) as stream, unnest(personal_version) as version,
                   unnest(personal_tenant) as tenant, unnest(personal_subject) as subject, unnest(personal_slots) as slots) p
      where verdicts[p.command + 1] = 0;
  get diagnostics n = row_count;
  if lost or n <> cardinality(personal_command) then
    perform credledger.assert_rows(n, personal_command, verdicts, lost, 'personal');
  end if;

  if cardinality(quota_command) > 0 then
    insert into credledger.counters as k (ledger_id, subject, name, value)
      select ledger, q.subject, q.name, sum(q.delta)
        from unnest(quota_command, quota_subject, quota_name, quota_delta) as q(command, subject, name, delta)
        where verdicts[q.command + 1] = 0
        group by q.subject, q.name
      on conflict (ledger_id, subject, name) do update set value = k.value + excluded.value;
  end if;

  if cardinality(answer_command) > 0 then
    insert into credledger.idempotency as i
        (ledger_id, operator_id, key_digest, request_digest, status, answer, position, at_ms)
      select ledger, a.operator, a.key, a.request, a.status, a.body, positions[a.command + 1], append.at_ms
        from unnest(answer_command, answer_operator, answer_key, answer_request, answer_status, answer_body)
          as a(command, operator, key, request, status, body)
        where verdicts[a.command + 1] = 0
      on conflict (ledger_id, operator_id, key_digest) do update
        set request_digest = excluded.request_digest, status = excluded.status, answer = excluded.answer,
            position = excluded.position, at_ms = excluded.at_ms
        where i.at_ms < excluded.at_ms - kept_ms;
    get diagnostics n = row_count;
    if lost or n <> cardinality(answer_command) then
      perform credledger.assert_rows(n, answer_command, verdicts, lost, 'idempotency');
    end if;
  end if;

  if cardinality(row_command) > 0 then
    if lost then
      select coalesce(array_agg(r.projection), '{}'), array_agg(r.id), array_agg(r.tenant), array_agg(r.version),
             array_agg(r.record), array_agg(r.mac), array_agg(r.facts)
        into row_projection, row_id, row_tenant, row_version, row_record, row_mac, row_facts
        from unnest(row_command, row_projection, row_id, row_tenant, row_version, row_record, row_mac, row_facts)
          as r(command, projection, id, tenant, version, record, mac, facts)
        where verdicts[r.command + 1] = 0;
    end if;
    n := credledger.apply_inline(
      ledger, row_projection, row_id, row_tenant, row_version, row_record, row_mac, row_facts);
    if lost or n <> cardinality(row_command) then
      perform credledger.assert_rows(n, row_command, verdicts, lost, 'inline projections');
    end if;
  end if;

  if cardinality(erasure_command) > 0 then
    select coalesce(sum(credledger.erase_values(ledger, e.stream, e.first, e.last, e.members::text[])), 0),
           coalesce(sum(e.expected), 0), count(*) > 0,
           bool_and(exists (
             select from unnest(event_command, event_type) as v(command, type)
               where v.command = e.command and v.type = 'ledger.subject_erased'))
      into n, tally, erasing, told
      from unnest(erasure_command, erasure_stream, erasure_first, erasure_last, erasure_members, erasure_values)
        as e(command, stream, first, last, members, expected)
      where verdicts[e.command + 1] = 0;
    if n <> tally or not told then
      raise exception using errcode = 'CL002',
        message = 'what is erased is not what was there, or no event of its command says that it was';
    end if;
  end if;

  if written > 0 then
    last_at_ms := append.at_ms;
    update credledger.heads h set head = h.head + written, last_at_ms = append.at_ms,
        erased_at = case when erasing then h.head + written else h.erased_at end
      where h.ledger_id = ledger;
  end if;
  update credledger.writers w
    set batch = append.batch, first_position = append.first_position, verdicts = append.verdicts, positions = append.positions
    where w.ledger_id = ledger and w.writer = append.writer;
  outcome := 0;
end
$function$;
