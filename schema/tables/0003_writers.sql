-- What each sequencer's last batch did, written in the transaction of that batch: how an outcome that a broken connection hid is
-- settled. `epoch` fences: settling raises it under the head's lock, so a late copy of the lost statement can never commit.
create table credledger.writers (
  ledger_id int not null,
  writer uuid not null,
  epoch bigint not null,
  batch uuid,
  first_position bigint,
  verdicts smallint[],
  positions bigint[],
  primary key (ledger_id, writer)
) with (fillfactor = 10);
