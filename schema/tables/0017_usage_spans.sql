-- From when to when each process counted, and how much of that has been brought: what tells "nobody called" from "nobody counted".
create table credledger.usage_spans (
  ledger_id int not null,
  -- one process, from its start to its end
  boot uuid not null,
  node uuid not null,
  -- since then it has not been away for long
  from_ms bigint not null,
  -- every call that it answered before then has been brought
  brought_ms bigint not null,
  -- it answered nothing from then on; null: it may answer still. What it answered between brought_ms and then is lost
  over_ms bigint,
  primary key (ledger_id, boot)
);
-- read_usage_spans, settle_usage_spans
create index usage_spans_by_end on credledger.usage_spans (ledger_id, (coalesce(over_ms, 9223372036854775807)));
-- When each secret was last called by somebody who still needs it, let in or not: counts_as_use.
alter table credledger.usage_last add column called_at_ms bigint;
