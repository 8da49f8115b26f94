-- What each sequencer's last batch did, written in the transaction of that batch: how an outcome that a broken connection hid is
-- settled. `epoch` fences: settling raises it under the head's lock, so a late copy of the lost statement can never commit.
-- A row is written with every batch, so a large one is kept as it is rather than compressed each time.
create table credledger.writers (
  ledger_id int not null,
  writer uuid not null,
  epoch bigint not null,
  batch uuid,
  first_position bigint,
  verdicts smallint[],
  positions bigint[],
  primary key (ledger_id, writer)
) with (fillfactor = 10, toast_tuple_target = 8160);
