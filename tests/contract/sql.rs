//! Every query has its index: on a database with rows in it, no plan reads a table that grows without end from end to end.

use std::fs;
use std::path::Path;

use tokio_postgres::Client;

use crate::support::{Postgres, TestDatabase};

const GROWING: [&str; 25] = [
    "usage_spans",
    "activity",
    "erasures",
    "events",
    "credentials",
    "members",
    "secrets",
    "personal",
    "operators",
    "operator_tokens",
    "plans",
    "sessions",
    "sealed_keys",
    "claimed_once",
    "usage_flushes",
    "usage_deltas",
    "usage_of_credentials",
    "usage_of_tenants",
    "usage_last",
    "usage_addresses",
    "usage_unknown",
    "usage_missing",
    "trail",
    "validity",
    "validity_ends",
];
const TENANT: &str = "'00000000-0000-0000-0000-000000000007'";

/// Whose the rows are, by their number: each tenant has as many as any other; or one has nine of ten, a few share the rest, and most have none.
const EVEN: &str = "number % 100";
const SKEWED: &str = "case when number % 10 < 9 then 7 else number % 100 end";
/// Of the skewed: one of the few, and one of those that have none.
const FEW: &str = "'00000000-0000-0000-0000-000000000013'";
const NONE: &str = "'00000000-0000-0000-0000-000000000014'";

/// Twenty thousand keys and clients of a hundred tenants, each with two events.
const ROWS: &str = "
create function pg_temp.id(kind int, number int) returns uuid language sql
  return (lpad(to_hex(kind), 8, '0') || '-0000-0000-0000-' || lpad(to_hex(number), 12, '0'))::uuid;
create function pg_temp.tenant(number int) returns uuid language sql return pg_temp.id(0, SHARE);
insert into credledger.tenants (ledger_id, id, tenant_id, version, record, mac, expiry_warning_ms, slug)
  select 1, pg_temp.id(0, n), pg_temp.id(0, n), 1, '', '', 60000 * (1 + n % 2), 'tenant-' || n from generate_series(1, 100) n;
insert into credledger.credentials (ledger_id, id, tenant_id, version, record, mac, created_at_ms, expires_at_ms, kind, suspended,
    ended_at_ms, revoked, scopes, description_version, name_version, owner_id, due_at_ms, warnable_from_ms, quiet_from_ms)
  select 1, pg_temp.id(1, n), pg_temp.tenant(n), 1, '', '', n, case when n % 50 = 0 then 1000000 + n end,
         case when n % 7 = 0 then 'oauth_client' else 'api_key' end, n % 97 = 0,
         null, n % 89 = 0, array['orders.read'], 1, 1, case when n % 3 = 0 then pg_temp.id(4, n % 1000) end, case when n % 50 = 0 then 1000000 + n end,
         case when n % 50 = 0 then 500000 + n end, case when n % 50 = 0 then 1000000 + n end
    from generate_series(1, 20000) n;
insert into credledger.members (ledger_id, id, tenant_id, version, record, mac, disabled, name_version)
  select 1, pg_temp.id(4, n), pg_temp.tenant(n), 1, '', '', n % 9 = 0, 1 from generate_series(1, 20000) n;
insert into credledger.plans (ledger_id, id, version, record, mac, name)
  select 1, pg_temp.id(5, n), 1, '', '', 'plan-' || n from generate_series(1, 20000) n;
insert into credledger.erasures (ledger_id, id, tenant_id, version, record, mac, under_id)
  select 1, pg_temp.id(7, n), pg_temp.tenant(n), 1, '', '', pg_temp.tenant(n) from generate_series(1, 20000) n;
insert into credledger.secrets (ledger_id, id, tenant_id, version, record, mac, client_id, credential_id, prefix)
  select 1, pg_temp.id(2, n), pg_temp.tenant(n), 1, '', '', case when n % 7 = 0 then 'cl_client_' || md5(n::text) end, pg_temp.id(1, n),
         'cl_live_' || md5(n::text)
    from generate_series(1, 20000) n;
insert into credledger.personal (ledger_id, stream_id, version, tenant_id, subject, slots)
  select 1, pg_temp.id(1, n), 1, pg_temp.tenant(n), pg_temp.id(1, n), json_build_object('name', json_build_array('s', 'key ' || n))
    from generate_series(1, 20000) n;
insert into credledger.heads (ledger_id, head, last_at_ms) values (1, 40000, 40000) on conflict do nothing;
insert into credledger.events (ledger_id, position, stream_id, version, tenant_id, type, at_ms, entry, mac, leaf)
  select 1, n - 1, pg_temp.id(1, (n + 1) / 2), 2 - n % 2, pg_temp.tenant((n + 1) / 2), 'api_key.created', n, 'e', '', decode(md5('') || md5(''), 'hex')
    from generate_series(1, 40000) n;
insert into credledger.trail (ledger_id, tenant_id, position, is_copy, type, family, at_ms, stream_id, version, subject_id, actor_id,
    client_ip, shown_version, name_version, changes, mac)
  select 1, pg_temp.tenant((n + 1) / 2), n - 1, false, case when n % 50 = 0 then 'api_key.revoked' else 'api_key.created' end,
         case when n % 9 = 0 then 'tenant' else 'api_key' end, n, pg_temp.id(1, (n + 1) / 2), 2 - n % 2, pg_temp.id(1, (n + 1) / 2),
         pg_temp.id(3, n % 1000), '192.0.2.0'::inet + n % 200, 1, 1, null, ''
    from generate_series(1, 40000) n;
insert into credledger.validity (ledger_id, tenant_id, credential_id, from_position, created_at_ms, expires_at_ms, kind, description_version,
    name_version, owner_id, revoked, scopes, suspended)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), 2 * n - p, n, case when n % 50 = 0 then 1000000 + n end,
         case when n % 7 = 0 then 'oauth_client' else 'api_key' end, 1, 1, case when n % 3 = 0 then pg_temp.id(4, n % 1000) end,
         n % 89 = 0, array['orders.read'], n % 97 = 0
    from generate_series(1, 20000) n, generate_series(1, 2) p;
insert into credledger.validity_ends (ledger_id, tenant_id, credential_id, from_position, at_ms)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), 2 * n - p, 1000000 + n from generate_series(1, 20000) n, generate_series(1, 2) p;
insert into credledger.operators (ledger_id, id, tenant_id, version, record, mac, all_tenants, disabled, identity, invited_as, name_version, reached, role)
  select 1, pg_temp.id(3, n), null, 1, '', '', false, n % 9 = 0, 'i' || n, case when n % 7 = 0 then 'a' || n % 1000 end, 1, array[pg_temp.tenant(n)], 'gateway'
    from generate_series(1, 20000) n;
insert into credledger.operator_tokens (ledger_id, id, tenant_id, version, record, mac, operator_id, prefix)
  select 1, pg_temp.id(4, n), null, 1, '', '', pg_temp.id(3, n), 'cl_operator_' || md5(n::text)
    from generate_series(1, 20000) n;
insert into credledger.sessions (ledger_id, digest, operator_id, opened_at_ms, seen_at_ms, ends_at_ms, mac)
  select 1, decode(md5(n::text), 'hex'), pg_temp.id(3, n), n, n, n, '' from generate_series(1, 20000) n;
insert into credledger.sealed_keys (ledger_id, kid, sealed, kept_at_ms) select 1, md5(n::text), '', n from generate_series(1, 20000) n;
insert into credledger.claimed_once (ledger_id, tenant_id, kind, digest, credential_id, batch_id, until_ms)
  select 1, pg_temp.tenant(n), 'dpop_proof', decode(md5(n::text), 'hex'), pg_temp.id(3, n), pg_temp.id(6, n), n from generate_series(1, 20000) n;
insert into credledger.usage_flushes (ledger_id, flush_id) select 1, pg_temp.id(6, n) from generate_series(1, 20000) n;
insert into credledger.usage_deltas (ledger_id, tenant_id, credential_id, secret_id, hour_ms, operation, outcome, calls, first_at_ms,
    last_at_ms, client_ip, address_left_out)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), pg_temp.id(2, n), 3600000::bigint * (n % 500), '', 'accepted', 1, n, n, '192.0.2.1', false
    from generate_series(1, 40000) n;
insert into credledger.usage_of_credentials (ledger_id, tenant_id, credential_id, by_day, start_ms, secret_id, operation, outcome, calls)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), n % 2 = 0, 3600000::bigint * (n % 500), pg_temp.id(2, n), '', 'accepted', 1
    from generate_series(1, 40000) n;
insert into credledger.usage_of_tenants (ledger_id, tenant_id, by_day, start_ms, operation, outcome, calls)
  select 1, pg_temp.tenant(n), n % 2 = 0, 3600000::bigint * n, '', 'accepted', 1 from generate_series(1, 40000) n;
insert into credledger.usage_last (ledger_id, tenant_id, credential_id, secret_id, used_at_ms, client_ip, addresses_left_out)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), pg_temp.id(2, n), n, '192.0.2.1', false from generate_series(1, 20000) n;
insert into credledger.usage_addresses (ledger_id, tenant_id, credential_id, secret_id, client_ip, first_at_ms, last_at_ms, accepted, refused)
  select 1, pg_temp.tenant(n), pg_temp.id(1, n), pg_temp.id(2, n), '192.0.2.1', n, n, 1, 0 from generate_series(1, 20000) n;
insert into credledger.usage_unknown (ledger_id, tenant_id, hour_ms, outcome, calls)
  select 1, pg_temp.tenant(n), 3600000::bigint * n, 'not_found', 1 from generate_series(1, 20000) n;
insert into credledger.usage_spans (ledger_id, boot, node, from_ms, brought_ms, over_ms)
  select 1, pg_temp.id(8, n), pg_temp.id(7, 1), n, n + 1, case when n < 19999 then n + 1 end from generate_series(1, 20000) n;
insert into credledger.usage_missing (ledger_id, flush_id, tenant_id, from_ms, to_ms, calls)
  select 1, pg_temp.id(6, n), pg_temp.tenant(n), n, n, 1 from generate_series(1, 20000) n;
select credledger.make_activity_days(20000, 20002);
insert into credledger.activity (ledger_id, place, id, tenant_id, credential_id, secret_id, kind, judged, completes, outcome, operation, client_ip,
    request_id, salt, node, seq)
  select 1, p, p, pg_temp.tenant(n), pg_temp.id(1, n % 200), pg_temp.id(2, n % 200), 'api_key', n % 3 = 0, null, case when n % 20 = 3 then 'ip_denied' else 'accepted' end, 'op' || n % 50,
         ('10.0.0.' || n % 200)::inet, 'r' || n, '', pg_temp.id(7, 1), n
    from generate_series(1, 20000) n,
         lateral (select (lpad(to_hex(20000 * 86400000::bigint + n * 12000), 12, '0') || '7' || lpad(to_hex(n), 19, '0'))::uuid as p) o;
insert into credledger.idempotency (ledger_id, operator_id, key_digest, request_digest, status, answer, at_ms)
  select 1, pg_temp.id(3, 1), decode(md5(n::text), 'hex'), '', 200, '', n from generate_series(1, 20000) n;
analyze;";

/// Of one tenant's trail: oldest first from the first on, and newest first from deep within.
fn trail(more: &str) -> [String; 2] {
    [(0, 40_000, "false"), (0, 20_000, "true")]
        .map(|(first, upto, turned)| format!("1, {TENANT}, {first}, {upto}, {turned}, 51{more}"))
}

/// A page of what a tenant's credentials were: of all, and of those that something more is asked of.
fn past(more: &str) -> Vec<String> {
    [
        "null, null, null, null, null",
        "array['active', 'expiring'], null, null, null, null",
        "null, 'orders.read', 1000000, null, null",
        "null, null, null, 'key 7', null",
        "null, null, null, null, 'key'",
    ]
    .map(|filters| {
        format!(
            "1, {TENANT}, 'api_key', 15000, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 51, 30000, 2000, 500, 60, {filters}, {more}"
        )
    })
    .to_vec()
}

/// With what each query is asked. `copy` queries read a whole projection, at the start, and are meant to.
fn arguments(name: &str) -> Vec<String> {
    let page = |filters: &str| {
        format!(
            "1, {TENANT}, 9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50, 500, 60, {filters}"
        )
    };
    match name {
        "credentials/page" => vec![
            page("null, null, null, null, null, null, null, 'api_key', null"),
            page("array['active'], null, 'orders.read', 9, null, null, null, 'api_key', null"),
            page("null, 'key 7', null, null, null, null, null, 'api_key', null"),
            page("null, null, null, null, 'cl_live_ab', null, null, 'api_key', null"),
            page("null, null, null, null, null, 'key', null, 'api_key', null"),
            page("null, null, null, null, null, null, '00000004-0000-0000-0000-000000000007', 'api_key', null"),
            page("null, null, null, null, 'cl_client_ab', null, null, 'oauth_client', null"),
            page("null, null, null, null, null, null, null, 'api_key', 15000"),
        ],
        "members/page" => ["null, null", "'disabled', null", "null, 'Ada'"]
            .map(|filters| format!("1, {TENANT}, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50, {filters}"))
            .to_vec(),
        "erasures/page" => vec![format!("1, {TENANT}, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50")],
        "plans/page" => vec!["1, 'free', 50".to_owned()],
        "read_last_uses" => vec![format!("1, {TENANT}, array['00000001-0000-0000-0000-000000000007'::uuid]")],
        "read_usage" => [false, true]
            .map(|days| {
                format!(
                    "1, {TENANT}, '00000001-0000-0000-0000-000000000007', {days}, 0, 360000000, array[{TENANT}::uuid], 20000"
                )
            })
            .to_vec(),
        "read_tenant_usage" => vec![format!("1, {TENANT}, false, 0, 360000000, array[{TENANT}::uuid], 20000")],
        "read_last_calls" => vec![format!("1, {TENANT}, array['00000001-0000-0000-0000-000000000007'::uuid]")],
        "read_usage_spans" => vec!["1, 19000, 1000".to_owned()],
        "read_usage_addresses" | "read_secret_addresses" => vec![format!(
            "1, {TENANT}, '00000001-0000-0000-0000-000000000007', 0, 360000000, array[{TENANT}::uuid], 100"
        )],
        "read_secret_usage" => vec![format!(
            "1, {TENANT}, '00000001-0000-0000-0000-000000000007', '00000002-0000-0000-0000-000000000007', 0, 86400000, 90000000, \
             array[{TENANT}::uuid], 100000, 20000"
        )],
        "read_addresses_of_one" => vec![format!(
            "1, {TENANT}, '00000001-0000-0000-0000-000000000007', '00000002-0000-0000-0000-000000000007', 360000000, \
             array[{TENANT}::uuid], 100"
        )],
        "read_unknown_usage" => [TENANT, "null"]
            .map(|tenant| format!("1, {tenant}, 3600000, 360000000, array[{TENANT}::uuid], 100"))
            .to_vec(),
        "read_missing_usage" => vec!["1, 0, 360000000, 100".to_owned()],
        "credentials/ended" => vec![format!("1, {TENANT}, 1000100, 8")],
        "operators/page" => [
            "null, null, null, null",
            "'auditor', 'active', null, null",
            "null, null, 'edge', null",
            "null, null, null, 'cl_operator_ab'",
        ]
        .map(|filters| format!("1, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50, {filters}"))
        .to_vec(),
        "operators/sign_in" => {
            vec!["1, 'i7', array['a7', 'b'], 16".to_owned(), "1, 'i7', array[]::text[], 16".to_owned()]
        }
        "read_activity" => [
            "'tenant', null, null, null, null, null, null",
            "'credential', '00000001-0000-0000-0000-000000000007', null, null, null, null, null",
            "'secret', null, '00000002-0000-0000-0000-000000000007', null, null, null, null",
            "'operation', null, null, 'op7', null, null, null",
            "'outcome', null, null, null, 'ip_denied', null, null",
            "'client_ip', null, null, null, null, '10.0.0.7', null",
            "'request_id', null, null, null, null, null, 'r7'",
            "'request_id', '00000001-0000-0000-0000-000000000007', null, 'op7', 'accepted', '10.0.0.7', 'r7'",
        ]
        .map(|filters| {
            let days = "'01924e3b-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'ffffffff-ffff-ffff-ffff-ffffffffffff'";
            format!("1, {TENANT}, {days}, 102, {filters}")
        })
        .to_vec(),
        "secret_of_prefix" => vec![format!("1, {TENANT}, 'cl_live_ab'")],
        "read_sealed_key" => vec!["1, '33'".to_owned()],
        "read_sealed_keys" => vec!["1, '33', 100".to_owned()],
        "read_session" => vec!["1, '\\x33'".to_owned()],
        "credentials/due" | "credentials/quiet" => vec![format!("1, 1000100, 0, {TENANT}, 500")],
        "credentials/warnable" => vec![format!("1, 1000100, 500000, {TENANT}, 500")],
        "credentials/entering" => vec![format!(
            "1, 1000100, array[{TENANT}::uuid, '00000000-0000-0000-0000-000000000008'], array[0, 1000000], \
             array[{TENANT}::uuid, {TENANT}], array[1000100, 1010000], 500"
        )],
        "tenants/windows" => vec![format!("1, {TENANT}, 500")],
        "tenants/page" => {
            vec!["1, '', 50, null".to_owned(), format!("1, 'tenant-3', 50, array[{TENANT}::uuid]")]
        }
        "read_events" => vec!["1, 30000, 1000".to_owned()],
        "read_at" => vec!["1, 30000".to_owned()],
        "read_named" => vec![
            "1, array[7, 30000], array['00000001-0000-0000-0000-000000000007'::uuid], array[1]".to_owned(),
        ],
        "trail/feed" => vec!["1, 30000, 51".to_owned()],
        "trail/all" => trail("").to_vec(),
        "trail/of_family" => trail(", 'api_key'").to_vec(),
        "trail/of_types" => trail(", array['api_key.created', 'api_key.revoked']").to_vec(),
        "trail/of_subject" => {
            let subject = "0, '00000001-0000-0000-0000-000000000007', 51";
            let filters = ["null, null, null", "array['api_key.created'], null, null"];
            let filtered = filters.iter().flat_map(|filters| trail(&format!(", {subject}, {filters}")));
            filtered.collect()
        }
        "trail/of_actor" => trail(", 0, '00000003-0000-0000-0000-000000000007', 51, null").to_vec(),
        "trail/of_client_ip" => trail(", 1999, '192.0.2.7', 51, array['api_key.created'], null").to_vec(),
        "trail/touched" => vec![format!("1, {TENANT}, 20000, 30000, 39000, 51")],
        "validity/page" => past("null"),
        "validity/of_some" => past("null, array['00000001-0000-0000-0000-000000000007'::uuid]"),
        "validity/of_owner" => past("'00000004-0000-0000-0000-000000000007'"),
        "validity/page_end" => {
            vec![format!("1, {TENANT}, 'api_key', 15000, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1999")]
        }
        "validity/of_owner_end" => vec![format!(
            "1, {TENANT}, 'api_key', 15000, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1999, 30000, \
             '00000004-0000-0000-0000-000000000007'"
        )],
        "validity/prefixed" => vec![format!("1, {TENANT}, 'cl_live_ab', 1001")],
        "validity/by_clock" => vec![format!(
            "1, {TENANT}, 30000, 39000, 1000000, 1010000, 1000100, '00000001-0000-0000-0000-000000000007', 51, 0, 0"
        )],
        "read_endings" => vec!["1, 39000".to_owned()],
        "read_streams" => ["9223372036854775807", "20000", "7"]
            .map(|last| format!("1, array['00000001-0000-0000-0000-000000000007'::uuid], {last}"))
            .to_vec(),
        "position_at" => vec!["1, 30000".to_owned()],
        "time_of" => vec!["1, 30000".to_owned()],
        "secrets/by_id" => vec![format!("1, '00000002-0000-0000-0000-000000000007'")],
        "secrets/of_clients" => vec![format!("1, 'cl_live_ab', 1000")],
        "secrets/by_prefix" => vec![format!("1, {TENANT}, 'cl_live_ab', 2")],
        "read_answer" => vec!["1, '00000003-0000-0000-0000-000000000001', '\\x00', 5".to_owned()],
        "read_answers" => {
            vec!["1, '00000003-0000-0000-0000-000000000001', '\\x33', 500".to_owned()]
        }
        other => panic!("tell in tests/contract/sql.rs with what {other} is asked"),
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each query of the projections, and of the functions that read the ledger.
fn queries() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for projection in fs::read_dir(root.join("projections")).expect("projections") {
        let projection = projection.expect("an entry").path();
        for query in fs::read_dir(projection.join("queries")).expect("queries") {
            let query = query.expect("an entry").path();
            let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
            found.push((format!("{}/{}", stem(&projection), stem(&query)), read(&query)));
        }
    }
    for (name, parameters) in [
        ("read_events", &["ledger", "first", "at_most"][..]),
        ("read_at", &["ledger", "at"]),
        ("read_streams", &["ledger", "streams", "last_position"]),
        ("position_at", &["ledger", "until_ms"]),
        ("time_of", &["ledger", "of_position"]),
        (
            "read_activity",
            &[
                "ledger",
                "tenant",
                "first",
                "before",
                "before_id",
                "most",
                "driver",
                "of_credential",
                "of_secret",
                "of_operation",
                "of_outcome",
                "of_client_ip",
                "of_request_id",
            ],
        ),
        ("secret_of_prefix", &["ledger", "tenant", "of_prefix"]),
        ("read_named", &["ledger", "positions", "streams", "versions"]),
        ("read_session", &["ledger", "of_digest"]),
        ("read_sealed_key", &["ledger", "of_kid"]),
        ("read_sealed_keys", &["ledger", "after_kid", "at_most"]),
        ("read_answer", &["ledger", "operator", "key", "not_before_ms"]),
        ("read_last_uses", &["ledger", "tenant", "credentials"]),
        ("read_usage", &["ledger", "tenant", "credential", "days", "from_ms", "to_ms", "flushes", "at_most"]),
        ("read_tenant_usage", &["ledger", "tenant", "days", "from_ms", "to_ms", "flushes", "at_most"]),
        (
            "read_usage_addresses",
            &["ledger", "tenant", "credential", "from_ms", "to_ms", "flushes", "at_most"],
        ),
        (
            "read_secret_addresses",
            &["ledger", "tenant", "credential", "from_ms", "to_ms", "flushes", "at_most"],
        ),
        ("read_last_calls", &["ledger", "tenant", "credentials"]),
        ("read_usage_spans", &["ledger", "since_ms", "at_most"]),
        (
            "read_secret_usage",
            &[
                "ledger",
                "tenant",
                "credential",
                "secret",
                "from_ms",
                "day_ms",
                "to_ms",
                "flushes",
                "looked_most",
                "at_most",
            ],
        ),
        (
            "read_addresses_of_one",
            &["ledger", "tenant", "credential", "secret", "to_ms", "flushes", "at_most"],
        ),
        ("read_unknown_usage", &["ledger", "tenant", "from_ms", "to_ms", "flushes", "at_most"]),
        ("read_missing_usage", &["ledger", "from_at_ms", "to_at_ms", "at_most"]),
        ("read_answers", &["ledger", "after_operator", "after_key", "at_most"]),
    ] {
        let function = read(&root.join(format!("schema/functions/{name}.sql")));
        let body = function
            .split_once("begin atomic")
            .and_then(|(_, rest)| rest.rsplit_once(';'))
            .expect("a body")
            .0;
        let body = body.rsplit_once(';').expect("one statement").0;
        found.push((name.to_owned(), numbered(body, parameters)));
    }
    found.sort();
    found
}

/// The function's parameters as those of a prepared statement.
fn numbered(body: &str, parameters: &[&str]) -> String {
    let words = body.split_whitespace().map(|word| {
        let (name, rest) = word.split_at(word.find([')', ',', ';']).unwrap_or(word.len()));
        let bare = name.trim_start_matches('(');
        let place = parameters.iter().position(|parameter| *parameter == bare);
        place.map_or_else(
            || word.to_owned(),
            |place| format!("{}${}{rest}", &name[..name.len() - bare.len()], place + 1),
        )
    });
    words.collect::<Vec<_>>().join(" ")
}

async fn plan(client: &Client, name: &str, query: &str, arguments: &str) -> String {
    let prepare = format!("deallocate all; prepare q as {query}");
    client.batch_execute(&prepare).await.unwrap_or_else(|error| panic!("{name}: {error:?}\n{query}"));
    let rows = client.query(&format!("explain execute q({arguments})"), &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

async fn rows_shared(database: &TestDatabase, share: &str) -> Client {
    let client = database.admin().await;
    client.batch_execute(&ROWS.replace("SHARE", share)).await.expect("the rows");
    client
}

/// Whatever values a statement was first asked with, its plan must do for the others.
const MODES: [&str; 2] = ["force_generic_plan", "force_custom_plan"];

async fn reads_no_growing_table_whole(client: &Client, tenants: &[&str], but: &[&str]) {
    let asked =
        queries().into_iter().filter(|(name, query)| !is_copy(query) && !but.contains(&name.as_str()));
    let asked: Vec<_> = asked.collect();
    assert!(asked.len() >= 6, "only {} queries were found", asked.len());
    let mut faults = Vec::new();
    for mode in MODES {
        client.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("a setting");
        for (name, query) in &asked {
            let every = arguments(name);
            for arguments in
                tenants.iter().flat_map(|tenant| every.iter().map(|each| each.replace(TENANT, tenant)))
            {
                let plan = plan(client, name, query, &arguments).await;
                let whole = GROWING.iter().any(|table| plan.contains(&format!("Seq Scan on {table}")));
                let by_index = plan.contains("Index") || name.starts_with("tenants/");
                if whole || !by_index {
                    faults.push(format!("{name} ({arguments}), {mode}:\n{plan}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn no_query_reads_a_growing_table_from_end_to_end() {
    let database = Postgres::database().await;
    reads_no_growing_table_whole(&rows_shared(&database, EVEN).await, &[TENANT], &[]).await;
}

#[tokio::test]
async fn nor_does_one_where_a_tenant_has_nearly_all_the_rows_and_others_none() {
    let database = Postgres::database().await;
    let client = rows_shared(&database, SKEWED).await;
    reads_no_growing_table_whole(&client, &[TENANT, FEW, NONE], &OF_NO_INDEX).await;
}

/// Lists have filters without an index of their own: of a tenant that has nine rows of ten, they look at all of them in any case, and the
/// table as it lies is the shortest way. Calls are asked for in another way (the next test).
const OF_NO_INDEX: [&str; 3] = ["credentials/page", "members/page", "read_activity"];

/// A filter of the trail or of the calls is one range of an index that knows it, walked in the order of the page.
#[tokio::test]
async fn each_filter_is_a_walk_along_an_index_of_its_own() {
    const TRAIL: [(&str, &str); 7] = [
        ("trail/all", "tenant_id"),
        ("trail/feed", "\"position\" >="),
        ("trail/of_family", "family"),
        ("trail/of_types", "type"),
        ("trail/of_subject", "subject_id"),
        ("trail/of_actor", "actor_id"),
        ("trail/of_client_ip", "client_ip"),
    ];
    const CALLS: [&str; 7] =
        ["tenant_id", "credential_id", "secret_id", "operation", "outcome", "client_ip", "request_id"];
    let database = Postgres::database().await;
    let client = rows_shared(&database, SKEWED).await;
    let queries: std::collections::HashMap<String, String> = queries().into_iter().collect();
    for tenant in [TENANT, FEW, NONE] {
        for mode in MODES {
            client.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("a setting");
            for (name, column) in TRAIL {
                for arguments in arguments(name) {
                    let plan = plan(&client, name, &queries[name], &arguments.replace(TENANT, tenant)).await;
                    goes_by(&plan, column, &format!("{name} ({arguments}) of {tenant}, {mode}"));
                }
            }
        }
        // As the service asks: each driver is a statement of its own, planned once and read in order.
        client.batch_execute(IN_ORDER).await.expect("settings");
        for (arguments, column) in arguments("read_activity").iter().zip(CALLS) {
            let arguments = arguments.replace(TENANT, tenant);
            let mut arguments: Vec<&str> = arguments.split(", ").collect();
            let query = queries["read_activity"].replace("$7", arguments.remove(6));
            let query =
                (8..=13).fold(query, |query, at| query.replace(&format!("${at}"), &format!("${}", at - 1)));
            let arguments = arguments.join(", ");
            let plan = plan(&client, "read_activity", &query, &arguments).await;
            goes_by(&plan, column, &format!("read_activity ({arguments}) of {tenant}"));
        }
        client.batch_execute("reset all").await.expect("settings");
    }
}

const IN_ORDER: &str = "set plan_cache_mode = force_generic_plan; set enable_sort = off; set enable_bitmapscan = off; set enable_seqscan = off; set jit = off";

#[track_caller]
fn goes_by(plan: &str, column: &str, what: &str) {
    let by_index = plan.lines().any(|line| line.contains("Index Cond:") && line.contains(column));
    assert!(by_index && !plan.contains("Bitmap"), "{what}:\n{plan}");
}

/// A function that stays one in the plan is planned anew at each call, and all its rows are gathered before the first is seen.
#[tokio::test]
async fn what_reads_the_ledger_is_planned_with_the_query_that_calls_it() {
    let database = Postgres::database().await;
    let [system, app] = [database.role("credledger_system").await, database.role("credledger_app").await];
    let streams = "read_streams(1, array['00000001-0000-0000-0000-000000000007'::uuid], 9223372036854775807)";
    let named = "read_named(1, array[7], array['00000001-0000-0000-0000-000000000007'::uuid], array[1])";
    let whole = ["read_by_stream(1)", "read_events(1, 0, 9)", "read_endings(1, 0)", streams]
        .map(|call| (&system, call));
    for (client, call) in whole.into_iter().chain([(&app, named)]) {
        let explain = format!("explain select position, stream_id, entry, mac, slots from credledger.{call}");
        let rows = client.query(&explain, &[]).await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let plan: String = rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
        assert!(!plan.contains("Function Scan on read_") && plan.contains(" on events"), "{call}:\n{plan}");
    }
}

fn is_copy(query: &str) -> bool {
    query.lines().any(|line| line.starts_with("copy ("))
}
