-- The append role calls the append and what settles it. It reads and writes no table itself.
grant execute on function credledger.append to credledger_append;
grant execute on function credledger.settle to credledger_append;
grant execute on function credledger.register_writer to credledger_append;
