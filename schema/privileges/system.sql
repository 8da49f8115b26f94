-- The system role reads everything, changes leases, forgets old answers and seals kept ones anew, and fills what follows behind.
grant select on all tables in schema credledger to credledger_system;
grant execute on function credledger.lease_take to credledger_system;
grant execute on function credledger.lease_renew to credledger_system;
grant execute on function credledger.lease_release to credledger_system;
grant execute on function credledger.forget_answers to credledger_system;
grant execute on function credledger.doorbell_listen to credledger_system;
grant execute on function credledger.doorbell_ring to credledger_system;
grant execute on function credledger.read_head to credledger_system;
grant execute on function credledger.read_streams to credledger_system;
grant execute on function credledger.read_events to credledger_system;
grant execute on function credledger.read_by_stream to credledger_system;
grant execute on function credledger.read_endings to credledger_system;
grant execute on function credledger.read_answers to credledger_system;
grant execute on function credledger.reseal_answers to credledger_system;
grant execute on function credledger.apply_trail, credledger.apply_validity to credledger_system;
