//! The activity log: what is reported and what verdicts leave, and how it is read.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, eventually, text};

fn secret_of(key: &Key<'_>) -> Value {
    key.minted["key"]["secrets"][0].clone()
}

#[track_caller]
fn report(gateway: &Actor, calls: Value) -> Value {
    gateway.post("/api/v1/activity", &json!({"calls": calls})).expect(200)
}

#[track_caller]
fn log(tenant: &Tenant<'_>, query: &str) -> Vec<Value> {
    let page = tenant.admin.get(&format!("{}/activity?{query}", tenant.path())).expect(200);
    page["data"].as_array().expect("a page").clone()
}

/// A timestamp so many seconds from now.
fn seconds_from_now(seconds: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    at.format(&time::format_description::well_known::Rfc3339).expect("a time")
}

#[test]
fn what_is_reported_is_there_with_the_keys_name_and_prefix() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("ci-runner");
    let secret = secret_of(&key);
    let at = seconds_from_now(-60);
    let call = json!({
        "credential_id": key.id, "secret_id": secret["id"], "at": at, "operation": "chat.completions", "provider": "openai",
        "model": "gpt-x", "status": 502, "latency_ms": 412, "error": "no answer", "client_ip": "192.0.2.44",
        "request_id": "req-1",
    });
    assert_eq!(report(&gateway, json!([call])), json!({"accepted": 1, "rejected": []}));
    let found = log(&tenant, "");
    assert_eq!(found.len(), 1);
    for (member, value) in call.as_object().expect("members").iter().filter(|(member, _)| *member != "at") {
        assert_eq!(found[0][member], *value, "{member}");
    }
    let expected = json!({
        "tenant_id": tenant.id, "prefix": secret["prefix"], "name": "ci-runner", "kind": "api_key", "outcome": "accepted",
        "decision_id": null, "completes": null, "asked": null,
    });
    for (member, value) in expected.as_object().expect("members") {
        assert_eq!(found[0][member], *value, "{member}");
    }
    assert_eq!(text(&found[0]["at"])[..19], at[..19]);
}

#[test]
fn one_bad_call_in_a_thousand_is_named_and_the_others_land() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let other = root.tenant("other", json!({}));
    let (key, foreign) = (tenant.mint("k"), other.mint("k"));
    let narrow = service.operator("gateway", &[&tenant.id]);
    let mut calls = vec![json!({"credential_id": key.id, "latency_ms": 1}); 1000];
    calls[7]["status"] = json!(99);
    let taken = report(&gateway, json!(calls));
    assert_eq!(taken["accepted"], 999);
    assert_eq!(
        taken["rejected"],
        json!([{"index": 7, "detail": "/calls/7/status: expected an integer from 100 to 599"}])
    );
    // What is another tenant's is answered as what is nobody's.
    let nobody = "019f0000-0000-7000-8000-000000000000";
    let bad = json!([
        {"credential_id": key.id},
        {"credential_id": foreign.id},
        {"credential_id": nobody},
        {"secret_id": secret_of(&foreign)["id"]},
        {"credential_id": key.id, "secret_id": secret_of(&foreign)["id"]},
        {"operation": "x"},
        {"credential_id": key.id, "at": seconds_from_now(-49 * 3600)},
        {"credential_id": key.id, "at": seconds_from_now(3600)},
        {"credential_id": key.id, "error": format!("it sent {}", key.secret)},
        {"credential_id": key.id, "decision_id": "0d9c8b7a-6f03-4b22-8a51-0d9c8b7a6f03"},
        {"credential_id": key.id, "colour": "red"},
        {"credential_id": key.id, "outcome": "not_found"},
        {"secret_id": secret_of(&key)["id"]},
    ]);
    let taken = report(&narrow, bad);
    assert_eq!(taken["accepted"], 2, "{taken}");
    let detail = |index: usize| {
        let rejected = taken["rejected"].as_array().expect("a list");
        let found = rejected.iter().find(|each| each["index"] == index);
        text(&found.unwrap_or_else(|| panic!("{index} was taken: {taken}"))["detail"])
    };
    let after = |index: usize| detail(index).replace(&format!("/calls/{index}"), "");
    for index in [1, 3, 4] {
        assert_eq!(after(index), after(2), "{index}");
    }
    for (index, says) in [
        (5, "send credential_id or secret_id"),
        (6, "within 48 hours"),
        (7, "5 minutes ahead"),
        (8, "looks like a secret"),
        (9, "no decision_id"),
        (10, "no such member"),
        (11, "expected accepted"),
    ] {
        assert!(detail(index).contains(says), "{}", detail(index));
    }
    assert!(!taken.to_string().contains(&key.secret));
    assert!(log(&other, "").is_empty());
}

#[test]
fn each_filter_finds_its_calls_and_pages_hold_each_once() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let keys = [tenant.mint("one"), tenant.mint("two")];
    let calls: Vec<Value> = (0..60)
        .map(|n| {
            json!({
                "credential_id": keys[n % 2].id, "secret_id": secret_of(&keys[n % 2])["id"], "at": seconds_from_now(-(n as i64) * 2800),
                "operation": format!("op{}", n % 3), "outcome": (if n % 5 == 0 { "ip_denied" } else { "accepted" }),
                "client_ip": format!("192.0.2.{}", n % 7), "request_id": format!("r{n}"),
            })
        })
        .collect();
    assert_eq!(report(&gateway, json!(calls))["accepted"], 60);
    let numbers = |query: &str| -> Vec<usize> {
        let number = |call: &Value| text(&call["request_id"])[1..].parse::<usize>().expect("a number");
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{}/activity?limit=4&{query}{cursor}", tenant.path());
            let page = root.get(&path).expect(200);
            found.extend(page["data"].as_array().expect("a page").iter().map(number));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    let having = |filter: &dyn Fn(usize) -> bool| (0..60).filter(|n| filter(*n)).collect::<Vec<_>>();
    let (second, prefix) = (secret_of(&keys[1]), text(&secret_of(&keys[1])["prefix"]));
    assert_eq!(numbers(""), having(&|_| true));
    assert_eq!(numbers(&format!("credential={}", keys[0].id)), having(&|n| n % 2 == 0));
    assert_eq!(numbers(&format!("secret={}", text(&second["id"]))), having(&|n| n % 2 == 1));
    assert_eq!(numbers(&format!("prefix={prefix}")), having(&|n| n % 2 == 1));
    assert_eq!(numbers("operation=op2"), having(&|n| n % 3 == 2));
    assert_eq!(numbers("outcome=ip_denied"), having(&|n| n % 5 == 0));
    assert_eq!(numbers("client_ip=192.0.2.3"), having(&|n| n % 7 == 3));
    assert_eq!(numbers("request_id=r17"), [17]);
    assert_eq!(
        numbers("operation=op2&client_ip=192.0.2.3&outcome=accepted"),
        having(&|n| n % 3 == 2 && n % 7 == 3 && n % 5 != 0)
    );
    assert_eq!(numbers(&format!("prefix={prefix}&credential={}", keys[0].id)), having(&|_| false));
    assert_eq!(numbers("prefix=cl_live_unknown"), having(&|_| false));
    let (from, to) = (text(&calls[40]["at"]), text(&calls[20]["at"]));
    assert_eq!(numbers(&format!("from={from}&to={to}")), having(&|n| n > 20 && n <= 40));
    for bad in [
        "outcome=served",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "credential=x",
        "limit=0",
        "colour=red",
        "cursor=x",
    ] {
        root.get(&format!("{}/activity?{bad}", tenant.path())).expect(400);
    }
}

#[track_caller]
fn recorded(tenant: &Tenant<'_>, query: &str, count: usize) -> Vec<Value> {
    let found = eventually(|| Some(log(tenant, query)).filter(|found| found.len() == count));
    found.unwrap_or_else(|| panic!("{count} calls were not there: {:?}", log(tenant, query)))
}

#[test]
fn a_verdict_leaves_its_call_where_that_is_asked_for_refused_ones_with_their_reason() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint_with(json!({"name": "k", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let ask = |address: &str, more: Value| {
        let mut question =
            json!({"credential": key.secret, "client_ip": address, "operation": "x", "record": true});
        question.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
        gateway.post("/api/v1/verify", &question).expect(200)
    };
    let accepted = ask("192.0.2.1", json!({"call": {"model": "m", "request_id": "own"}}));
    let refused = ask("198.51.100.1", json!({}));
    ask("192.0.2.1", json!({"record": false}));
    // An unknown key leaves nothing.
    gateway.verify_as(json!({"credential": "nonsense", "record": true})).is_refused("malformed");
    let found = recorded(&tenant, "", 2);
    let of = |verdict: &Value| {
        found.iter().find(|call| call["decision_id"] == verdict["decision_id"]).expect("its row")
    };
    let (first, second) = (of(&accepted), of(&refused));
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("accepted"), &json!("ip_denied")));
    assert_eq!((&first["model"], &first["request_id"]), (&json!("m"), &json!("own")));
    assert_eq!((&first["id"], &first["at"]), (&accepted["decision_id"], &accepted["judged_at"]));
    assert_eq!(second["client_ip"], "198.51.100.1");
    assert!(second["request_id"].is_string() && second["completes"].is_null());
    let refusal = gateway.post("/api/v1/verify", &json!({"credential": "x", "call": {}}));
    refusal.expect(400);
    let batch = json!({"items": [{"credential": key.secret, "client_ip": "192.0.2.9", "record": true}, {"credential": 7}]});
    gateway.post("/api/v1/verify/batch", &batch).expect(200);
    recorded(&tenant, "client_ip=192.0.2.9", 1);
}

#[test]
fn a_proxys_calls_are_left_where_its_url_says_so() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let holder = service.actor(&key.secret);
    let ask = |query: &str| -> Response {
        let path = format!("/api/v1/authorize?operation=orders.list{query}");
        holder.send(&holder.request("GET", &path).header("X-Forwarded-For", "192.0.2.7"))
    };
    ask("").expect(200);
    ask("&record=true").expect(200);
    key.revoke("other");
    ask("&record=true").expect(401);
    let found = recorded(&tenant, "", 2);
    let outcomes: Vec<_> = found.iter().map(|call| text(&call["outcome"])).collect();
    assert_eq!(outcomes, ["revoked", "accepted"]);
    assert!(found.iter().all(|call| call["client_ip"] == "192.0.2.7" && call["operation"] == "orders.list"));
}

#[test]
fn a_report_completes_its_verdicts_row_and_the_two_are_one() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (key, other) = (tenant.mint("k"), tenant.mint("other"));
    let question =
        json!({"credential": key.secret, "client_ip": "192.0.2.1", "operation": "before", "record": true});
    let verdict = gateway.post("/api/v1/verify", &question).expect(200);
    recorded(&tenant, "operation=before", 1);
    let decision = verdict["decision_id"].clone();
    let completing = json!({"credential_id": key.id, "decision_id": decision, "operation": "after", "status": 200, "latency_ms": 9});
    // The same decision told of another key's call completes nothing.
    let astray = json!({"credential_id": other.id, "decision_id": decision, "operation": "astray"});
    assert_eq!(report(&gateway, json!([completing, astray]))["accepted"], 2);
    let found = log(&tenant, &format!("credential={}", key.id));
    assert_eq!(found.len(), 1, "{found:?}");
    let expected = json!({
        "id": decision, "at": verdict["judged_at"], "decision_id": decision, "completes": decision, "operation": "after",
        "status": 200, "latency_ms": 9, "client_ip": "192.0.2.1", "outcome": "accepted",
        "secret_id": secret_of(&key)["id"], "prefix": secret_of(&key)["prefix"],
    });
    for (member, value) in expected.as_object().expect("members") {
        assert_eq!(found[0][member], *value, "{member}");
    }
    // It is found by what it shows, whichever of the two says so, and by nothing that it doesn't.
    for (query, count) in [
        ("operation=after", 1),
        ("operation=before", 0),
        ("client_ip=192.0.2.1", 1),
        ("outcome=accepted", 1),
        ("client_ip=192.0.2.1&operation=after", 1),
        ("client_ip=192.0.2.1&operation=before", 0),
        ("operation=astray", 1),
        ("", 2),
    ] {
        assert_eq!(log(&tenant, query).len(), count, "{query}");
    }
}

#[test]
fn a_repeat_under_one_key_has_one_effect_and_the_first_answer() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let send = |calls: Value, key: &str| {
        let request = gateway.request("POST", "/api/v1/activity").json(&json!({"calls": calls}));
        gateway.send(&request.header("Idempotency-Key", key))
    };
    let calls = json!([{"credential_id": key.id}, {"credential_id": key.id, "status": 1}]);
    let first = send(calls.clone(), "once");
    let again = send(calls, "once");
    assert_eq!(first.expect(200), again.expect(200));
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
    send(json!([{"credential_id": key.id}]), "once").expect(422);
    send(json!([]), "none").expect(200);
    assert_eq!(send(json!([]), "none").header("Idempotency-Replayed"), Some("true"));
    assert_eq!(log(&tenant, "").len(), 1);
}

fn lines(gateway: &Actor, lines: &[String], key: Option<&str>) -> Response {
    let mut request = gateway.request("POST", "/api/v1/activity").body(lines.join("\n").into_bytes());
    request = request.header("Content-Type", "application/x-ndjson");
    gateway.send(&key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key)))
}

#[test]
fn lines_are_taken_as_calls_are_and_bad_ones_are_named_by_their_place() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let other = root.tenant("other", json!({})).mint("o");
    let narrow = service.operator("gateway", &[&tenant.id]);
    let call = |n: usize| json!({"credential_id": key.id, "request_id": format!("r{n}")}).to_string();
    // More than one part of them.
    let mut many: Vec<String> = (0..2300).map(call).collect();
    many[7] = json!({"credential_id": key.id, "status": 99}).to_string();
    many[1500] = "{\"credential_id\":".to_owned();
    many[1501] = String::new();
    many[1502] = json!({"credential_id": other.id}).to_string();
    many[1503] = json!({"credential_id": key.id, "at": seconds_from_now(3600)}).to_string();
    many[1504] = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let taken = lines(&narrow, &many, None).expect(200);
    assert_eq!(taken["accepted"], 2294);
    let rejected = taken["rejected"].as_array().expect("a list");
    let places: Vec<_> =
        rejected.iter().map(|rejected| rejected["index"].as_u64().expect("a place")).collect();
    assert_eq!(places, [7, 1500, 1502, 1503, 1504]);
    assert_eq!(rejected[0]["detail"], "/7/status: expected an integer from 100 to 599");
    assert!(text(&rejected[3]["detail"]).starts_with("/1503/at: a call is reported within 48 hours"));
    assert_eq!(log(&tenant, "request_id=r0").len() + log(&tenant, "request_id=r2299").len(), 2);
    // As often as it is repeated, and whatever follows that was not there before.
    let some = many[..1100].to_vec();
    let first = lines(&gateway, &some, Some("once"));
    assert_eq!((&first.expect(200)["accepted"], first.header("Idempotency-Replayed")), (&json!(1099), None));
    let again = lines(&gateway, &some, Some("once"));
    assert_eq!((again.expect(200), again.header("Idempotency-Replayed")), (first.expect(200), Some("true")));
    let longer =
        lines(&gateway, &many[..1100].iter().cloned().chain([call(1)]).collect::<Vec<_>>(), Some("once"));
    let told = longer.problem(422, "idempotency_mismatch")["detail"].clone();
    assert!(text(&told).contains("999 calls of the lines before are on disk"), "{told}");
    assert_eq!(log(&tenant, "request_id=r1050").len(), 2);
    // What holds no call at all, and what is no such body.
    lines(&gateway, &[], None).problem(400, "invalid_request");
    let nonsense = vec!["{}".to_owned(); 1500];
    lines(&gateway, &nonsense, None).problem(400, "invalid_request");
    lines(tenant.admin, &[call(1)], None).expect(200);
    lines(&service.operator("auditor", &[&tenant.id]), &[call(1)], None).problem(403, "forbidden");
    let typed = gateway
        .request("POST", "/api/v1/activity")
        .body(call(1).into_bytes())
        .header("Content-Type", "text/plain");
    gateway.send(&typed).problem(415, "unsupported_media_type");
}

#[test]
fn an_export_is_the_whole_as_the_pages_tell_it() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (key, other) = (tenant.mint("=k"), tenant.mint("other"));
    // Whose own tables leave no row, as an auditor's do.
    let admin = service.operator("org_admin", &[&tenant.id]);
    let calls = |key: &Key<'_>, count: usize| -> Vec<Value> {
        let call = |n: usize| json!({"credential_id": key.id, "operation": format!("op{}", n % 2), "request_id": format!("r{n}")});
        (0..count).map(call).collect()
    };
    // More than one page of an export.
    report(&gateway, json!(calls(&key, 700)));
    report(&gateway, json!(calls(&other, 20)));
    let path = |query: &str| format!("{}/activity?{query}", tenant.path());
    for filters in
        ["", "operation=op1", &format!("operation=op1&credential={}", other.id), "prefix=cl_live_unknown"]
    {
        let mut whole = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin.get(&path(&format!("{filters}&limit=500{cursor}"))).expect(200);
            whole.extend(page["data"].as_array().expect("a page").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let lines =
            admin.send(&admin.request("GET", &path(filters)).header("Accept", "application/x-ndjson"));
        assert_eq!((lines.status, lines.header("content-type")), (200, Some("application/x-ndjson")));
        let text = lines.text();
        let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(read, whole, "{filters}");
        let csv = admin.get(&path(&format!("{filters}&format=csv")));
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        let text = csv.text();
        let rows: Vec<Vec<&str>> =
            text.split_terminator("\r\n").map(|row| row.split(',').collect()).collect();
        assert_eq!(rows[0].join(","), COLUMNS);
        assert_eq!(rows.len(), whole.len() + 1);
        for (row, call) in rows[1..].iter().zip(&whole) {
            for (name, cell) in rows[0].iter().zip(row) {
                let told = match &call[*name] {
                    Value::Null => String::new(),
                    Value::String(name) if name == "=k" => "'=k".to_owned(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(*cell, told, "{name}");
            }
        }
    }
    for bad in ["format=csv&limit=10", "format=ndjson&cursor=x", "format=sse", "format=csv&outcome=served"] {
        root.get(&path(bad)).problem(400, "invalid_request");
    }
    root.send(&root.request("GET", &path("")).header("Accept", "text/html")).problem(406, "not_acceptable");
}

const COLUMNS: &str = "id,at,tenant_id,credential_id,secret_id,prefix,name,kind,operation,outcome,provider,model,status,latency_ms,error,\
    client_ip,request_id,decision_id,completes,asked";
