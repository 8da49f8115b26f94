//! What a database is brought to: the files of schema/ and projections/, taken into the binary.

#[derive(Clone, Copy, Debug)]
pub struct File {
    pub name: &'static str,
    pub sql: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub struct Projection {
    pub name: &'static str,
    pub table: &'static str,
    pub apply: &'static str,
}

macro_rules! files {
    ($folder:literal: $($name:literal)*) => {
        &[$(File {
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $name, ".sql")),
        }),*]
    };
}

macro_rules! projections {
    ($($name:literal)*) => {
        &[$(Projection {
            name: $name,
            table: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/", $name, "/table.sql")),
            apply: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/", $name, "/apply.sql")),
        }),*]
    };
}

/// What a database is brought to. [`Schema::EMBEDDED`] is the binary's own.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Frozen, in this order. The first makes the table that remembers the others.
    pub tables: &'static [File],
    pub projections: &'static [Projection],
    pub functions: &'static [File],
    /// Applied in this order whenever anything was.
    pub privileges: &'static [File],
}

impl Schema {
    pub const EMBEDDED: Schema = Schema {
        tables: files!("schema/tables":
            "0001_migrations" "0002_heads" "0003_writers" "0004_events" "0005_personal" "0006_claims" "0007_counters"
            "0008_idempotency" "0009_nodes" "0010_sessions" "0011_sealed_keys" "0012_claimed_once" "0013_endings"
            "0014_usage" "0015_activity" "0016_erased"
            "0017_usage_spans"),
        projections: projections!("tenants" "plans" "imports" "signing_keys" "members" "credentials" "secrets" "operators" "operator_tokens"
            "trail" "erasures" "validity"),
        functions: files!("schema/functions":
            "refuse_change" "append_only" "assert_batch" "assert_rows" "judge_guards" "judge_claims" "judge_quotas" "apply_inline" "erase_values" "append" "settle"
            "register_writer" "forget_answers" "read_head" "position_at" "time_of" "read_streams" "read_at" "read_events" "read_by_stream" "read_named" "read_endings" "read_answer" "read_answers"
            "reseal_answers" "lease_take" "lease_renew" "lease_release" "doorbell_listen" "doorbell_ring"
            "open_session" "read_session" "touch_session" "end_session" "end_sessions" "forget_sessions" "spend_sign_in"
            "keep_sealed_key" "read_sealed_key" "read_sealed_keys" "reseal_sealed_keys" "forget_sealed_keys" "claim_once" "forget_claimed" "begin_rebuild"
            "counts_as_use" "record_usage" "record_unknown_usage" "roll_up_usage" "forget_usage_flushes" "read_last_uses" "read_usage"
            "read_tenant_usage" "read_usage_addresses" "read_unknown_usage" "read_missing_usage"
            "keep_usage_span" "settle_usage_spans" "read_usage_spans" "read_last_calls" "read_secret_addresses" "read_secret_usage" "read_addresses_of_one"
            "begin_activity" "write_activity" "locate_credentials" "make_activity_days" "drop_activity_day" "read_activity_rows" "note_activity_seal" "count_activity_day" "oldest_activity_day" "read_activity" "secret_of_prefix" "status_at"),
        privileges: files!("schema/privileges": "defaults" "append" "system" "writer" "app" "tenant_isolation"),
    };
}
