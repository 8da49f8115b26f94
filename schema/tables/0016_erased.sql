-- How many events there were with the last erasure among them; 0: nothing was ever erased. Whoever decided on what it had read before
-- that decides again.
alter table credledger.heads add column erased_at bigint not null default 0;
-- What was erased is vacuumed away on the server's next round, and does not wait for a share of the table to be dead.
alter table credledger.personal set (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
