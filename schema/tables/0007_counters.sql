-- What a quota counts, exactly: changed only by the append, under the head's lock.
create table credledger.counters (
  ledger_id int not null,
  subject uuid not null,
  name text not null,
  value bigint not null,
  primary key (ledger_id, subject, name)
) with (fillfactor = 50);
