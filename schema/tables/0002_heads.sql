-- One row a ledger: how many events it holds and the time of the last. Its row lock is what makes one order of all appends.
-- Mostly empty pages, so that each update stays on its page (HOT) and leaves nothing to vacuum in an index.
create table credledger.heads (
  ledger_id int not null,
  head bigint not null check (head >= 0),
  last_at_ms bigint not null,
  primary key (ledger_id)
) with (fillfactor = 10);
