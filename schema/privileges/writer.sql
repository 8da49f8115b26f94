-- The writer role keeps sessions, the sealed private halves of signing keys, and what is claimed once, through functions alone: it
-- reads and writes no table itself.
grant execute on function credledger.open_session to credledger_writer;
grant execute on function credledger.read_session to credledger_writer;
grant execute on function credledger.touch_session to credledger_writer;
grant execute on function credledger.end_session to credledger_writer;
grant execute on function credledger.end_sessions to credledger_writer;
grant execute on function credledger.forget_sessions to credledger_writer;
grant execute on function credledger.spend_sign_in to credledger_writer;
grant execute on function credledger.keep_sealed_key to credledger_writer;
grant execute on function credledger.read_sealed_key to credledger_writer;
grant execute on function credledger.read_sealed_keys to credledger_writer;
grant execute on function credledger.reseal_sealed_keys to credledger_writer;
grant execute on function credledger.forget_sealed_keys to credledger_writer;
grant execute on function credledger.claim_once to credledger_writer;
grant execute on function credledger.forget_claimed to credledger_writer;
-- It counts usage.
grant execute on function credledger.record_usage to credledger_writer;
grant execute on function credledger.record_unknown_usage to credledger_writer;
grant execute on function credledger.roll_up_usage to credledger_writer;
grant execute on function credledger.forget_usage_flushes to credledger_writer;
grant execute on function credledger.keep_usage_span to credledger_writer;
grant execute on function credledger.settle_usage_spans to credledger_writer;
-- Calls served: written, and their days made and dropped, through functions alone too.
grant execute on function credledger.begin_activity to credledger_writer;
grant execute on function credledger.write_activity to credledger_writer;
grant execute on function credledger.locate_credentials to credledger_writer;
grant execute on function credledger.make_activity_days to credledger_writer;
grant execute on function credledger.drop_activity_day to credledger_writer;
grant execute on function credledger.count_activity_day to credledger_writer;
grant execute on function credledger.oldest_activity_day to credledger_writer;
grant execute on function credledger.read_activity_rows to credledger_writer;
grant execute on function credledger.note_activity_seal to credledger_writer;
