//! Whatever is wrong with a request is told with its place, and leaves nothing behind.

use serde_json::{Value, json};

use super::matrix::{Named, ROWS, operator_of};
use crate::support::client::{Client, Response};
use crate::support::service::{Actor, Service, text};
use crate::{acme, without_an_event};

#[track_caller]
pub fn is_refused_at(answer: &Response, pointer: &str) {
    let problem = answer.problem(400, "invalid_request");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|fault| fault["pointer"].as_str())
        .collect();
    assert_eq!(pointers, [pointer], "{problem}");
}

pub fn send_text(actor: &Actor, method: &str, path: &str, body: &str) -> Response {
    actor.send(&actor.request(method, path).header("Content-Type", "application/json").body(body.into()))
}

#[test]
fn a_body_that_is_no_proper_json_is_refused_at_the_place_of_its_fault() {
    let service = Service::start();
    let root = service.root();
    let keys = format!("{}/keys", acme(&root).path());
    let deep = format!(r#"{{"name":"a","metadata":{}1{}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40));
    let deepest = format!("/metadata{}", "/a".repeat(31));
    let cases = [
        ("{", ""),
        ("{]", ""),
        ("{\"name\":\"a\"} x", ""),
        ("{\"name\":\"a\",}", ""),
        ("{'name':'a'}", ""),
        ("\u{feff}{}", ""),
        ("[]", ""),
        ("null", ""),
        ("\"name\"", ""),
        ("{\"name\":\"a", "/name"),
        ("{\"name\":\"\\ud800\"}", "/name"),
        ("{\"name\":\"a\",\"name\":\"b\"}", "/name"),
        ("{\"name\":\"a\",\"metadata\":{\"x\":1,\"x\":1}}", "/metadata/x"),
        ("{\"name\":\"a\",\"colour\":1}", "/colour"),
        ("{\"name\":\"a\",\"a/b~c\":1}", "/a~1b~0c"),
        ("{\"name\":\"a\",\"ip_rules\":{\"alow\":[]}}", "/ip_rules/alow"),
        ("{\"name\":\"a\",\"metadata\":{\"x\":1e999}}", "/metadata/x"),
        (&deep, &deepest),
        ("{}", "/name"),
    ];
    without_an_event(&root, || {
        for (body, pointer) in cases {
            is_refused_at(&send_text(&root, "POST", &keys, body), pointer);
        }
        let empty = root.send(&root.request("POST", &keys).header("Content-Type", "application/json"));
        empty.problem(400, "invalid_request");
        let no_text = root.request("POST", &keys).header("Content-Type", "application/json");
        is_refused_at(&root.send(&no_text.body(b"{\"name\":\"\xff\"}".to_vec())), "");
    });
}

/// A mint with this member.
fn mint_with(member: &str, value: Value) -> Value {
    let mut body = json!({"name": "k"});
    body[member] = value;
    body
}

#[test]
fn a_wrong_value_is_refused_at_its_member_in_a_mint_and_in_an_edit() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("kept");
    let before = key.read();
    let rules = |list: &str, entries: &[&str]| {
        let entries: Vec<Value> = entries.iter().map(|cidr| json!({"cidr": cidr})).collect();
        json!({list: entries})
    };
    let many_scopes: Vec<String> = (0..101).map(|number| format!("s{number}:read")).collect();
    let many_ranges: Vec<String> = (0..201).map(|number| format!("10.0.{number}.0/24")).collect();
    let many_ranges: Vec<&str> = many_ranges.iter().map(String::as_str).collect();
    let cases = [
        // wrong types
        ("name", json!(1), "/name"),
        ("name", json!(null), "/name"),
        ("name", json!(["a"]), "/name"),
        ("description", json!(false), "/description"),
        ("scopes", json!("rows:read"), "/scopes"),
        ("scopes", json!([1]), "/scopes/0"),
        ("expires_at", json!(4102444800u64), "/expires_at"),
        ("ip_rules", json!([]), "/ip_rules"),
        ("ip_rules", json!({"allow": {}}), "/ip_rules/allow"),
        ("ip_rules", json!({"allow": [{}]}), "/ip_rules/allow/0/cidr"),
        ("ip_rules", json!({"deny": [{"cidr": "10.0.0.1", "enabled": 1}]}), "/ip_rules/deny/0/enabled"),
        ("metadata", json!([]), "/metadata"),
        // texts: control, bidi, invisible, unassigned; too short, too long
        ("name", json!(""), "/name"),
        ("name", json!("a\u{7}b"), "/name"),
        ("name", json!("a\nb"), "/name"),
        ("name", json!("a\u{202e}b"), "/name"),
        ("name", json!("a\u{2066}b"), "/name"),
        ("name", json!("a\u{200b}b"), "/name"),
        ("name", json!("a\u{200c}b"), "/name"),
        ("name", json!("a\u{200d}b"), "/name"),
        ("name", json!("a\u{feff}"), "/name"),
        ("name", json!("a\u{e0041}"), "/name"),
        ("name", json!("a\u{378}"), "/name"),
        ("name", json!("n".repeat(101)), "/name"),
        ("description", json!("a\u{202d}b"), "/description"),
        ("description", json!("d".repeat(1001)), "/description"),
        ("metadata", json!({"team": "a\u{202e}b"}), "/metadata"),
        ("metadata", json!({"a\u{200b}": 1}), "/metadata"),
        ("metadata", json!({"long": "m".repeat(16 * 1024)}), "/metadata"),
        // scopes
        ("scopes", json!(["rows:read", "a b"]), "/scopes/1"),
        ("scopes", json!([""]), "/scopes/0"),
        ("scopes", json!(["a..b"]), "/scopes/0"),
        ("scopes", json!(["a*"]), "/scopes/0"),
        ("scopes", json!(many_scopes), "/scopes"),
        // ranges of addresses
        ("ip_rules", rules("allow", &["10.0.0.1/8"]), "/ip_rules/allow/0/cidr"),
        ("ip_rules", rules("deny", &["192.0.2.1", "2001:db8::1/32"]), "/ip_rules/deny/1/cidr"),
        ("ip_rules", rules("allow", &["10.0.0.0/33"]), "/ip_rules/allow/0/cidr"),
        ("ip_rules", rules("allow", &["::ffff:0.0.0.0/90"]), "/ip_rules/allow/0/cidr"),
        ("ip_rules", rules("allow", &["localhost"]), "/ip_rules/allow/0/cidr"),
        ("ip_rules", rules("allow", &["010.0.0.1"]), "/ip_rules/allow/0/cidr"),
        ("ip_rules", rules("allow", &["10.0.0.0/8", "10.0.0.0/8"]), "/ip_rules"),
        ("ip_rules", rules("deny", &["192.0.2.1", "::ffff:192.0.2.1"]), "/ip_rules"),
        ("ip_rules", rules("deny", &many_ranges), "/ip_rules/deny"),
        // dates
        ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at"),
        ("expires_at", json!("2099-02-30T00:00:00Z"), "/expires_at"),
        ("expires_at", json!("2099-01-01"), "/expires_at"),
        ("expires_at", json!("10000-01-01T00:00:00Z"), "/expires_at"),
        ("expires_at", json!("tomorrow"), "/expires_at"),
    ];
    let keys = format!("{}/keys", tenant.path());
    without_an_event(&root, || {
        for (member, value, pointer) in cases {
            is_refused_at(&root.post(&keys, &mint_with(member, value.clone())), pointer);
            is_refused_at(&root.patch(&key.path, &json!({member: value})), pointer);
        }
    });
    assert_eq!(key.read(), before);
    assert_eq!(root.get(&keys).expect(200)["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn honest_scripts_pass_and_come_back_as_they_were_typed() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for name in [
        "Nächtlicher Lauf",
        "夜間バッチ",
        "مفتاح",
        "ключ №5",
        "می\u{200c}خواهم",
        "ශ්\u{200d}රී",
        "cafe\u{301}",
        &"n".repeat(100),
    ] {
        let composed = name.replace("e\u{301}", "é");
        assert_eq!(tenant.mint(name).read()["name"], composed);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let service = Service::start();
    let root = service.root();
    let keys = format!("{}/keys", acme(&root).path());
    let body = json!({"name": 1, "scopes": ["a b"], "expires_at": "x", "colour": 1});
    let problem = root.post(&keys, &body).problem(400, "invalid_request");
    let mut pointers: Vec<String> =
        problem["errors"].as_array().into_iter().flatten().map(|fault| text(&fault["pointer"])).collect();
    pointers.sort();
    assert_eq!(pointers, ["/colour", "/expires_at", "/name", "/scopes/0"]);
}

#[test]
fn wrong_members_of_the_other_commands_are_refused_at_their_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("kept");
    key.rotate(json!({}));
    let window = key.secret_path(0);
    let operator =
        root.post("/api/admin/v1/operators", &json!({"name": "o", "role": "gateway", "all_tenants": true}));
    let operator = format!("/api/admin/v1/operators/{}", text(&operator.expect(201)["operator"]["id"]));
    let (tokens, tenants) = (format!("{operator}/tokens"), "/api/admin/v1/tenants".to_owned());
    let (rotate, revoke) = (format!("{}/rotate", key.path), format!("{}/revoke", key.path));
    let (suspend, operators) = (format!("{}/suspend", key.path), "/api/admin/v1/operators".to_owned());
    let settings = |settings: Value| json!({"settings": settings});
    let cases = [
        ("POST", &rotate, json!({"grace_seconds": -1}), "/grace_seconds"),
        ("POST", &rotate, json!({"grace_seconds": 1.5}), "/grace_seconds"),
        ("POST", &rotate, json!({"grace_seconds": "60"}), "/grace_seconds"),
        ("POST", &rotate, json!({"grace_seconds": 90 * 24 * 3600 + 1}), "/grace_seconds"),
        ("POST", &rotate, json!({"grace": 60}), "/grace"),
        ("POST", &revoke, json!({}), "/reason"),
        ("POST", &revoke, json!({"reason": "boredom"}), "/reason"),
        ("POST", &revoke, json!({"reason": "other", "note": "a\u{202e}"}), "/note"),
        ("POST", &revoke, json!({"reason": "other", "wait": "forever"}), "/wait"),
        ("POST", &suspend, json!({"reason": "x"}), "/reason"),
        ("PATCH", &window, json!({"close_when_quiet_seconds": 0}), "/close_when_quiet_seconds"),
        ("POST", &rotate, json!({"close_when_quiet_seconds": "60"}), "/close_when_quiet_seconds"),
        ("PATCH", &window, json!({"expires_at": null}), "/expires_at"),
        ("PATCH", &window, json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        ("PATCH", &window, json!({"expires_at": "2999-01-01T00:00:00Z"}), "/expires_at"),
        ("POST", &tenants, json!({}), "/name"),
        ("POST", &tenants, json!({"name": "x", "slug": "Not a slug"}), "/slug"),
        ("POST", &tenants, json!({"name": "x", "plan": "free"}), "/plan"),
        (
            "POST",
            &tenants,
            json!({"name": "x", "settings": {"key_format": {"prefix": "x"}}}),
            "/settings/key_format/prefix",
        ),
        (
            "PATCH",
            &tenant.path(),
            settings(json!({"default_rate_limit": "none"})),
            "/settings/default_rate_limit",
        ),
        (
            "PATCH",
            &tenant.path(),
            settings(json!({"max_grace_seconds": 365 * 86400 + 1})),
            "/settings/max_grace_seconds",
        ),
        (
            "PATCH",
            &tenant.path(),
            settings(json!({"default_grace_seconds": 91 * 86400})),
            "/settings/default_grace_seconds",
        ),
        (
            "PATCH",
            &tenant.path(),
            settings(json!({"key_format": {"secret_chars": 21}})),
            "/settings/key_format/secret_chars",
        ),
        (
            "PATCH",
            &tenant.path(),
            settings(json!({"key_format": {"checksum": "md5"}})),
            "/settings/key_format/checksum",
        ),
        ("PATCH", &tenant.path(), settings(json!({"allowed_scopes": ["a b"]})), "/settings/allowed_scopes/0"),
        ("PATCH", &tenant.path(), settings(json!({"operations": {"x": "a.*"}})), "/settings/operations/x"),
        ("PATCH", &tenant.path(), json!({"slug": "other"}), "/slug"),
        ("POST", &operators, json!({"name": "x", "role": "king"}), "/role"),
        ("POST", &operators, json!({"name": "x", "role": "gateway", "tenants": ["acme"]}), "/tenants/0"),
        ("POST", &tokens, json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        ("PATCH", &operator, json!({"disabled": "yes"}), "/disabled"),
    ];
    let before = key.read();
    without_an_event(&root, || {
        for (method, path, body, pointer) in &cases {
            is_refused_at(&root.send(&root.request(method, path).json(body)), pointer);
        }
    });
    assert_eq!(key.read(), before);
}

#[test]
fn a_body_of_ten_mebibytes_is_refused_in_constant_memory() {
    let service = Service::start();
    let root = service.root();
    let keys = format!("{}/keys", acme(&root).path());
    let announced = root.request("POST", &keys).header("Content-Type", "application/json");
    without_an_event(&root, || {
        // Refused by what it announces, before anything of it has come.
        let announced = announced.header("Content-Length", &(10 * 1024 * 1024).to_string());
        let head = announced.head_bytes(&service.address());
        Client::new(service.address()).send_raw(&head).problem(413, "too_large");
        // Announcing nothing, it is refused as soon as it is too long.
        let send = || send_chunks(&service, &root, "POST", &keys, 10 * 1024 * 1024).problem(413, "too_large");
        (0..8).for_each(|_| drop(send()));
        let before = peak_memory_kib(&service);
        (0..16).for_each(|_| drop(send()));
        // The kernel sums it up from approximate counters: it may even seem to fall.
        let grown = peak_memory_kib(&service).saturating_sub(before);
        assert!(grown < 16 * 1024, "160 MiB more of refused bodies took {grown} KiB more");
    });
}

pub fn send_chunks(service: &Service, actor: &Actor, method: &str, path: &str, length: usize) -> Response {
    let request = actor.request(method, path).header("Content-Type", "application/json");
    let mut bytes = request.header("Transfer-Encoding", "chunked").head_bytes(&service.address());
    let chunk = vec![b' '; 64 * 1024];
    for _ in 0..length / chunk.len() {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(&chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    Client::new(service.address()).send_raw(&bytes)
}

fn peak_memory_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_parameter_that_a_route_does_not_take_is_refused_by_its_name() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let holder = service.actor(&key.secret);
    let (named, operator) = (Named::fresh(&tenant), operator_of(&root, "gateway", &[]));
    let parts = named.parts(&tenant.id, &operator.0, &operator.1);
    let is_told = |answer: Response, place: &str| {
        let problem = answer.problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], "zz", "{place}: {problem}");
    };
    crate::without_an_event(&root, || {
        for row in ROWS {
            let path = format!("{}?zz=1", row.path_of(&parts));
            let place = format!("{} {}", row.method, row.path);
            is_told(
                match row.body(&parts) {
                    None => root.send(&root.request(row.method, &path)),
                    Some(body) => root.send(
                        &root
                            .request(row.method, &path)
                            .header("Content-Type", row.media_type())
                            .body(body.into()),
                    ),
                },
                &place,
            );
        }
        is_told(holder.post("/api/v1/self/revoke?zz=1", &json!({})), "self/revoke");
        is_told(holder.get("/api/v1/whoami?zz=1"), "whoami");
        is_told(root.get("/openapi.json?zz=1"), "the document");
    });
    // Who asks counts before what is asked; and probes may hang on to a URL what they like.
    service.actor("no-key").get("/api/v1/whoami?zz=1").problem(401, "unauthorized");
    for path in ["/healthz?zz=1", "/readyz?zz=1"] {
        service.anonymous().get(path).expect(200);
    }
    assert_eq!(service.anonymous().get("/metrics?zz=1").status, 200);
    let position = key.minted["position"].as_u64().expect("a position");
    holder.get(&format!("/api/v1/whoami?min_position={position}")).expect(200);
    holder.get(&format!("/api/v1/whoami?min_position={}", position + 1000)).problem(503, "behind");
}

#[test]
fn a_number_or_a_date_out_of_range_is_told_its_real_bounds() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let rotate = root.post(&format!("{}/rotate", key.path), &json!({"grace_seconds": -1}));
    let settings = json!({"settings": {"max_grace_seconds": -1, "default_grace_seconds": 31_536_001}});
    for (answer, at) in
        [(rotate, 0), (root.patch(&tenant.path(), &settings), 0), (root.patch(&tenant.path(), &settings), 1)]
    {
        let problem = answer.problem(400, "invalid_request");
        assert_eq!(problem["errors"][at]["detail"], "expected an integer from 0 to 31536000", "{problem}");
    }
    for (end, told) in [
        ("10000-01-01T00:00:00Z", "after the end of 9999"),
        ("9999-12-31T23:59:59-01:00", "after the end of 9999"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("tomorrow", "expected an RFC 3339 instant"),
    ] {
        let problem = root.patch(&key.path, &json!({"expires_at": end})).problem(400, "invalid_request");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(told)), "{end}: {problem}");
    }
}
