//! What credentials are used for: each call is counted once, whichever door it came through, and told at once.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, eventually};

/// The answer about one credential.
fn usage(key: &Key<'_>, root: &Actor) -> Value {
    root.get(&format!("{}/usage", key.path)).expect(200)
}

/// (operation, outcome, calls) of what is told of a range.
fn calls(told: &Value) -> Vec<(Value, String, i64)> {
    let calls = told["calls"].as_array().expect("calls");
    let one = |each: &Value| {
        let outcome = each["outcome"].as_str().expect("an outcome").to_owned();
        (each["operation"].clone(), outcome, each["calls"].as_i64().expect("a number"))
    };
    calls.iter().map(one).collect()
}

#[test]
fn every_call_counts_once_by_what_it_was_for_and_how_it_ended() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant
        .mint_with(json!({"name": "k", "scopes": ["a:b"], "ip_rules": {"deny": [{"cidr": "192.0.2.9"}]}}));
    let ask = |more: Value| {
        let mut question = json!({"credential": key.secret});
        question.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
        question
    };
    gateway.verify_as(ask(json!({"client_ip": "192.0.2.1", "operation": "list"}))).is_accepted();
    gateway.verify_as(ask(json!({"client_ip": "192.0.2.2", "operation": "list"}))).is_accepted();
    gateway.verify_as(ask(json!({"client_ip": "192.0.2.9"}))).is_refused("ip_denied");
    let items = json!({"items": [
        ask(json!({"operation": "list", "client_ip": "192.0.2.1"})),
        ask(json!({"scopes": ["c:d"], "client_ip": "192.0.2.1"})),
        {"credential": 7},
    ]});
    gateway.post("/api/v1/verify/batch", &items).expect(200);
    service.whoami(&key.secret).expect(200);
    let authorize = Request::new("GET", "/api/v1/authorize?operation=list")
        .bearer(&key.secret)
        .header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(service.anonymous().send(&authorize).status, 200);

    let told = usage(&key, &root);
    let expected = vec![
        (Value::Null, "accepted".to_owned(), 1),
        (Value::Null, "insufficient_scope".to_owned(), 1),
        (Value::Null, "ip_denied".to_owned(), 1),
        (json!("list"), "accepted".to_owned(), 4),
    ];
    assert_eq!(calls(&told["totals"]), expected);
    assert_eq!((told["totals"]["accepted"].as_i64(), told["totals"]["refused"].as_i64()), (Some(5), Some(2)));
    let seen: Vec<_> = told["addresses"].as_array().expect("addresses").iter().collect();
    let of = |ip: &str| {
        let found =
            seen.iter().find(|seen| seen["client_ip"] == ip).unwrap_or_else(|| panic!("{ip}: {told}"));
        (found["accepted"].as_i64(), found["refused"].as_i64())
    };
    assert_eq!(of("192.0.2.1"), (Some(3), Some(1)));
    assert_eq!(of("192.0.2.2"), (Some(1), Some(0)));
    assert_eq!(of("192.0.2.9"), (Some(0), Some(1)));
    assert_eq!((&told["addresses_complete"], &told["missing"]), (&json!(true), &json!([])));

    let of_tenant = root.get(&format!("{}/usage", tenant.path())).expect(200);
    assert_eq!(calls(&of_tenant["totals"]), expected);
    assert_eq!(
        of_tenant["buckets"].as_array().expect("buckets").last().expect("one")["start"],
        told["buckets"][0]["start"]
    );
}

#[test]
fn clients_count_at_the_token_endpoint_and_by_their_tokens() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let id = client.minted["client_id"].as_str().expect("an id");
    let form = |secret: &str| {
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = Request::new("POST", "/api/v1/oauth/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.into_bytes());
        service.anonymous().send(&request)
    };
    let token = form(&client.secret).expect(200)["access_token"].as_str().expect("a token").to_owned();
    gateway.verify(&token).is_accepted();
    let asked = gateway
        .request("POST", "/api/v1/oauth/introspect")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}").into_bytes());
    assert_eq!(gateway.send(&asked).expect(200)["active"], true);
    let told = usage(&client, &root);
    assert_eq!(told["totals"]["accepted"], 3, "{told}");
    assert_eq!(told["secrets"][0]["accepted"], 3);
    assert!(!told["secrets"][0]["last_used_at"].is_null());
}

#[test]
fn a_refused_call_is_counted_and_is_no_use_and_a_change_over_is_watched_by_the_former_secret() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["a:b"]}));
    assert_eq!(key.minted["key"]["last_used_at"], Value::Null);
    gateway
        .verify_as(json!({"credential": key.secret, "scopes": ["c:d"], "client_ip": "192.0.2.8"}))
        .is_refused("insufficient_scope");
    assert_eq!(
        (&key.read()["last_used_at"], &key.read()["secrets"][0]["last_used_ip"]),
        (&Value::Null, &Value::Null)
    );
    gateway.verify_as(json!({"credential": key.secret, "client_ip": "192.0.2.1"})).is_accepted();
    let (newer, rotated) = key.rotate(json!({"grace_seconds": 3600}));
    let former = rotated["key"]["secrets"][0]["last_used_at"].clone();
    assert!(former.is_string(), "the write's own answer tells it: {rotated}");
    gateway.verify_as(json!({"credential": newer, "client_ip": "2001:db8::7"})).is_accepted();
    let read = key.read();
    assert_eq!(read["secrets"][0]["last_used_at"], former, "the former one stands still");
    assert_eq!(read["secrets"][0]["last_used_ip"], "192.0.2.1");
    assert_eq!(
        (&read["secrets"][1]["last_used_ip"], &read["last_used_ip"]),
        (&json!("2001:db8::7"), &json!("2001:db8::7"))
    );
    assert_eq!(read["last_used_at"], read["secrets"][1]["last_used_at"]);
    let listed = root.get(&format!("{}/keys", tenant.path())).expect(200);
    assert_eq!(listed["data"][0]["secrets"], read["secrets"], "a list tells the same");
    let told = usage(&key, &root);
    let of = |place: usize| {
        (told["secrets"][place]["accepted"].as_i64(), told["secrets"][place]["refused"].as_i64())
    };
    assert_eq!((of(0), of(1)), ((Some(1), Some(1)), (Some(1), Some(0))));
}

#[test]
fn what_is_no_credential_is_a_number_and_of_a_tenant_only_where_it_was_named() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let elsewhere = service.operator("gateway", &[&root.tenant("other", json!({})).id]);
    for _ in 0..3 {
        gateway.verify("no credential at all").is_refused("malformed");
    }
    gateway.verify_as(json!({"credential": "nothing", "tenant": "acme"})).is_refused("malformed");
    elsewhere.verify_as(json!({"credential": "nothing", "tenant": "acme"})).is_refused("malformed");
    gateway.verify_as(json!({"credential": "nothing", "tenant": "nowhere"})).is_refused("malformed");
    let of_all = root.get("/api/admin/v1/usage").expect(200);
    assert_eq!(of_all["unknown"]["totals"], json!([{"outcome": "malformed", "calls": 6}]));
    let of_tenant = root.get(&format!("{}/usage", tenant.path())).expect(200);
    assert_eq!(of_tenant["unknown"]["totals"], json!([{"outcome": "malformed", "calls": 1}]));
    assert_eq!(of_tenant["totals"]["calls"], json!([]));
}

#[test]
fn what_was_counted_is_there_after_a_restart_and_is_counted_on() {
    let mut service = Service::start_with(&["--usage-flush-seconds", "60"]);
    let key_path = {
        let (root, gateway) = (service.root(), service.gateway());
        let key = acme(&root).mint("k");
        gateway.verify_as(json!({"credential": key.secret, "client_ip": "192.0.2.1"})).is_accepted();
        gateway.verify("no credential at all").is_refused("malformed");
        key.path.clone()
    };
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    let root = service.root();
    let told = root.get(&format!("{key_path}/usage")).expect(200);
    assert_eq!(told["totals"]["accepted"], 1, "a stop writes what was counted: {told}");
    assert_eq!(told["last_used_ip"], "192.0.2.1");
    let of_all = root.get("/api/admin/v1/usage").expect(200);
    assert_eq!(of_all["unknown"]["totals"], json!([{"outcome": "malformed", "calls": 1}]));
}

#[test]
fn added_up_or_not_the_numbers_are_the_same() {
    let service = Service::start_with(&["--usage-flush-seconds", "1"]);
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("k");
    // Whatever of it is in memory, on its way, written or added up by then: every answer knows of each call once.
    let mut made = 0;
    let pending = || {
        let metrics = root.get("/metrics").text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("credledger_usage_pending_rows "))
            .expect("a metric");
        line.ends_with(" 0")
    };
    for _ in 0..2 {
        for _ in 0..20 {
            gateway
                .verify_as(json!({"credential": key.secret, "client_ip": "192.0.2.1", "operation": "o"}))
                .is_accepted();
            made += 1;
            assert_eq!(usage(&key, &root)["totals"]["accepted"], made);
        }
        eventually(|| pending().then_some(())).expect("what was counted is written");
        let told = usage(&key, &root);
        assert_eq!(
            (&told["totals"]["accepted"], &told["addresses"][0]["accepted"]),
            (&json!(made), &json!(made))
        );
        let of_tenant = root.get(&format!("{}/usage?by=day", tenant.path())).expect(200);
        assert_eq!(of_tenant["totals"]["accepted"], made);
    }
}

#[test]
fn lists_find_what_is_not_used() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (used, unused) = (tenant.mint("used"), tenant.mint("unused"));
    let names = |since: &str| -> Vec<String> {
        let path = format!("{}/keys?unused_since={since}", tenant.path());
        let page = root.get(&path).expect(200);
        page["data"]
            .as_array()
            .expect("data")
            .iter()
            .map(|key| key["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let before = unused.read()["created_at"].as_str().expect("an instant").to_owned();
    assert_eq!(names(&before), ["unused", "used"]);
    gateway.verify(&used.secret).is_accepted();
    assert_eq!(names(&before), ["unused"], "used a moment ago, and written nowhere yet");
    assert_eq!(names("2999-01-01T00:00:00Z"), ["unused", "used"], "since then nobody was");
    root.get(&format!("{}/keys?unused_since=yesterday", tenant.path())).problem(400, "invalid_request");
}

#[test]
fn a_range_that_cannot_be_is_refused_by_its_member() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    for path in
        [format!("{}/usage", key.path), format!("{}/usage", tenant.path()), "/api/admin/v1/usage".to_owned()]
    {
        for (query, member) in [
            ("by=week", "by"),
            ("from=yesterday", "from"),
            ("from=2999-01-01T00:00:00Z", "from"),
            ("to=2999-01-01T00:00:00Z", "to"),
            ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
            ("from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "to"),
            ("from=2020-01-01T00:00:00Z", "from"),
            ("from=2020-01-01T00:00:00Z&by=day", "from"),
            ("operation=x", "operation"),
        ] {
            let problem = root.get(&format!("{path}?{query}")).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["parameter"], member, "{path}?{query}: {problem}");
        }
        let told =
            root.get(&format!("{path}?by=day&from=2026-01-01T10:00:00Z&to=2026-01-02T10:00:00Z")).expect(200);
        assert_eq!(
            (&told["from"], &told["to"]),
            (&json!("2026-01-01T00:00:00.000Z"), &json!("2026-01-03T00:00:00.000Z"))
        );
    }
}

#[test]
fn a_secret_in_the_place_of_an_operation_is_not_written_down() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (key, other) = (acme(&root).mint("k"), root.tenant("other", json!({})).mint("k"));
    gateway.verify_as(json!({"credential": key.secret, "operation": other.secret})).is_accepted();
    assert_eq!(calls(&usage(&key, &root)["totals"]), [(json!(" others"), "accepted".to_owned(), 1)]);
}
