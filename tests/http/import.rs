//! Keys from elsewhere: imported by their digests, and told by their texts.

use std::io::Write;

use credledger::vault::sha256;
use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::pieces::Pieces;
use crate::support::service::{Actor, Service, Tenant, text};
use crate::{acme, without_an_event};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of these keys: `sk_` and 37 characters more.
pub fn header(digest: Value) -> Value {
    let format = json!({"prefix": "sk_", "alphabet": "base62", "length": 40});
    json!({"import": {"source": "unkey", "format": format, "digest": digest}})
}

fn plain() -> Value {
    header(json!({"algorithm": "sha256"}))
}

/// The text of a key, as its holder has it.
pub fn key(number: usize) -> String {
    format!("sk_{number:037}")
}

fn line(number: usize) -> Value {
    json!({"old_id": format!("key_{number}"), "name": format!("key {number}"), "digest": hex(&sha256(&[key(number).as_bytes()]))})
}

pub fn send(actor: &Actor, tenant: &Tenant<'_>, lines: &[Value]) -> Response {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    send_text(actor, tenant, body)
}

fn send_text(actor: &Actor, tenant: &Tenant<'_>, body: String) -> Response {
    let path = format!("{}/keys/import", tenant.path());
    let request = actor.request("POST", &path).header("Content-Type", "application/x-ndjson");
    actor.send(&request.body(body.into_bytes()))
}

/// What each line came to, and the last line.
#[track_caller]
pub fn told(answer: &Response) -> (Vec<Value>, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut lines: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = lines.pop().expect("a last line");
    (lines, last["summary"].clone())
}

#[track_caller]
fn import(tenant: &Tenant<'_>, lines: &[Value]) -> Vec<Value> {
    let (results, summary) = told(&send(tenant.admin, tenant, lines));
    assert_eq!((&summary["complete"], &summary["lines"]), (&json!(true), &json!(results.len())), "{summary}");
    results
}

#[track_caller]
fn is_imported(tenant: &Tenant<'_>, lines: &[Value]) -> Vec<String> {
    let results = import(tenant, lines);
    results
        .iter()
        .map(|result| {
            assert_eq!(result["outcome"], "imported", "{result}");
            text(&result["key_id"])
        })
        .collect()
}

fn outcomes(results: &[Value]) -> Vec<String> {
    results.iter().map(|result| text(&result["outcome"])).collect()
}

#[test]
fn a_key_whose_digest_was_imported_works_and_nobody_has_to_have_another_one() {
    let mut service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({"default_scopes": ["orders:read"]}));
    let mut base64 = line(2);
    let digest = sha256(&[key(2).as_bytes()]);
    base64["digest"] =
        credledger::domain::base64url::encode(&digest).replace('-', "+").replace('_', "/").into();
    base64["prefix"] = "sk_00000000".into();
    base64["created_at"] = "2024-02-03T04:05:06Z".into();
    let ids = is_imported(&tenant, &[plain(), line(1), base64]);
    assert_eq!(ids.len(), 2);
    for round in ["at once", "after a restart"] {
        let verdict = gateway_of(&service, &gateway).verify(&key(1));
        let accepted = verdict.is_accepted();
        assert_eq!(accepted["credential_id"], ids[0].as_str(), "{round}");
        assert_eq!((&accepted["prefix"], &accepted["name"]), (&json!("sk_"), &json!("key 1")), "{round}");
        assert_eq!(accepted["scopes"], json!(["orders:read"]), "{round}");
        let second = gateway_of(&service, &gateway).verify(&key(2));
        assert_eq!(second.is_accepted()["prefix"], "sk_00000000", "{round}");
        gateway_of(&service, &gateway).verify(&key(3)).is_refused("not_found");
        for strange in [&key(1)[..39], &format!("{}0", key(1)), &key(1).replace('0', "-"), "sk_"] {
            gateway_of(&service, &gateway).verify(strange).is_refused("malformed");
        }
        service.whoami(&key(1)).expect(200);
        if round == "at once" {
            assert_eq!(service.stop(), Some(0));
            service.start_again();
        }
    }
    let root = service.root();
    let shown = root.get(&format!("{}/keys/{}", tenant.path(), ids[1])).expect(200);
    assert_eq!(shown["created_at"], "2024-02-03T04:05:06.000Z");
    assert_eq!(
        (&shown["imported"]["source"], &shown["imported"]["old_id"]),
        (&json!("unkey"), &json!("key_2"))
    );
    let by_prefix = root.get(&format!("{}/keys?prefix=sk_0000", tenant.path())).expect(200);
    assert_eq!(by_prefix["data"].as_array().map(Vec::len), Some(1));
}

/// The same operator, wherever the service listens by now.
fn gateway_of(service: &Service, gateway: &Actor) -> Actor {
    service.actor(gateway.token.as_deref().expect("a token"))
}

#[test]
fn a_salted_digest_is_found_by_how_its_key_begins_and_by_nothing_else() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    // All of these keys begin alike: as many as may.
    let start = &key(1)[..11];
    for (side, from) in [("before", 10), ("after", 20)] {
        let salt = json!({"side": side, "start_chars": 11, "encoding": "hex"});
        let header = header(json!({"algorithm": "sha256", "salt": salt}));
        let salted = |number: usize| {
            let (salt, key) = ([number as u8; 7], key(number));
            let digest = match side {
                "before" => sha256(&[&salt, key.as_bytes()]),
                _ => sha256(&[key.as_bytes(), &salt]),
            };
            json!({"old_id": format!("{side}-{number}"), "name": "n", "digest": hex(&digest), "salt": hex(&salt), "prefix": start})
        };
        let lines: Vec<Value> = std::iter::once(header.clone()).chain((from..from + 5).map(salted)).collect();
        let results = import(&tenant, &lines);
        // Which of them is one too many is nobody's to choose.
        assert_eq!(results.iter().filter(|result| result["outcome"] == "imported").count(), 4, "{results:?}");
        for (number, result) in (from..).zip(&results) {
            let verdict = gateway.verify(&key(number));
            if result["outcome"] == "imported" {
                assert_eq!(verdict.is_accepted()["prefix"], start);
            } else {
                assert_eq!(result["code"], "conflict", "{result}");
                verdict.is_refused("not_found");
            }
        }
        let mut unknown = salted(from + 9);
        unknown["prefix"] = "sk_0".into();
        let mut none = salted(from + 9);
        none["salt"] = Value::Null;
        let refused = import(&tenant, &[header, unknown, none]);
        assert_eq!(refused[0]["errors"][0]["pointer"], "/prefix");
        assert_eq!(refused[1]["errors"][0]["pointer"], "/salt");
    }
}

#[test]
fn a_digest_under_an_imported_key_is_told_and_the_key_is_nowhere_to_be_read() {
    let mut service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a key of another product");
    let digest = ring::hmac::sign(&secret, key(7).as_bytes());
    let mut line = line(7);
    line["digest"] = hex(digest.as_ref()).into();
    let hmac_key = "YSBrZXkgb2YgYW5vdGhlciBwcm9kdWN0";
    let header = header(json!({"algorithm": "hmac_sha256", "hmac_key": hmac_key}));
    let ids = is_imported(&tenant, &[header.clone(), line.clone()]);
    gateway.verify(&key(7)).is_accepted();
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    let gateway = gateway_of(&service, &gateway);
    gateway.verify(&key(7)).is_accepted();
    gateway.verify(&key(8)).is_refused("not_found");
    let root = service.root();
    let history = root.get(&format!("{}/keys/{}/history", tenant.path(), ids[0])).expect(200);
    assert_eq!(history["data"][0]["type"], "api_key.imported");
    let shown = history.to_string() + &service.log();
    for secret in [hmac_key, &hex(digest.as_ref()), "a key of another product"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    let again = tenant.seen_by(&root);
    assert_eq!(outcomes(&import(&again, &[header, line])), ["exists"]);
}

#[test]
fn an_import_again_changes_nothing_and_another_line_under_an_old_id_is_refused() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let lines = [plain(), line(1), line(2), line(1)];
    let results = import(&tenant, &lines);
    let mut first = outcomes(&results);
    first.sort();
    assert_eq!(first, ["exists", "imported", "imported"]);
    let id = text(&results[0]["key_id"]);
    assert_eq!(results[2]["key_id"], id.as_str());
    root.post(&format!("{}/keys/{id}/revoke", tenant.path()), &json!({"reason": "leaked"})).expect(200);
    without_an_event(&root, || {
        let again = import(&tenant, &lines);
        assert_eq!(outcomes(&again), ["exists", "exists", "exists"]);
        assert_eq!(
            (&again[0]["key_id"], &again[1]["key_id"]),
            (&results[0]["key_id"], &results[1]["key_id"])
        );
        let mut renamed = line(1);
        renamed["name"] = "another".into();
        let mut other = line(3);
        other["old_id"] = "key_2".into();
        let mut twice = line(2);
        twice["old_id"] = "key_9".into();
        let refused = import(&tenant, &[plain(), renamed, other, twice]);
        assert_eq!(outcomes(&refused), ["refused"; 3]);
        assert!(refused.iter().all(|result| result["code"] == "conflict"), "{refused:?}");
    });
    gateway.verify(&key(1)).is_refused("revoked");
    gateway.verify(&key(2)).is_accepted();
}

#[test]
fn many_lines_of_one_digest_are_each_told_and_one_of_them_is_imported() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let same = |number: usize| {
        let mut line = line(1);
        line["old_id"] = format!("same_{number}").into();
        line
    };
    let lines: Vec<Value> = std::iter::once(plain()).chain((0..250).map(same)).collect();
    for round in ["imported", "exists"] {
        let results = import(&tenant, &lines);
        let (done, refused): (Vec<_>, Vec<_>) = results.iter().partition(|result| result["outcome"] == round);
        assert_eq!((done.len(), refused.len()), (1, 249), "{results:?}");
        assert!(refused.iter().all(|result| result["code"] == "conflict"), "{refused:?}");
    }
}

#[test]
fn an_imported_key_lives_and_ends_like_any_other() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let mut off = line(2);
    off["suspended"] = true.into();
    let ids = is_imported(&tenant, &[plain(), line(1), off, line(3)]);
    let path = |index: usize| format!("{}/keys/{}", tenant.path(), ids[index]);
    gateway.verify(&key(2)).is_refused("suspended");
    root.post(&format!("{}/resume", path(1)), &json!({})).expect(200);
    gateway.verify(&key(2)).is_accepted();

    let rotated = root.post(&format!("{}/rotate", path(0)), &json!({"grace_seconds": 3600})).expect(201);
    let own = text(&rotated["secret"]);
    assert!(own.starts_with("cl_live_"), "{own}");
    assert_eq!(gateway.verify(&key(1)).is_accepted()["secret_status"], "expiring");
    gateway.verify(&own).is_accepted();
    let window = text(&rotated["key"]["secrets"][0]["id"]);
    root.post(&format!("{}/secrets/{window}/revoke", path(0)), &json!({})).expect(200);
    gateway.verify(&key(1)).is_refused("revoked");
    gateway.verify(&own).is_accepted();

    let ended = service.actor(&key(3)).post("/api/v1/self/revoke", &json!({})).expect(200);
    assert_eq!(ended["revoked"], "credential");
    gateway.verify(&key(3)).is_refused("revoked");
}

#[test]
fn another_tenant_learns_of_a_key_only_by_having_its_digest() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    let ids = is_imported(&one, &[plain(), line(1)]);
    let results = import(&other, &[plain(), line(1), line(2)]);
    assert_eq!(outcomes(&results), ["refused", "imported"]);
    let told = results[0].to_string();
    assert!(!told.contains(&ids[0]) && !told.contains(&one.id) && results[0]["code"] == "conflict", "{told}");
    // The old id alone is each tenant's own.
    let mut same_id = line(9);
    same_id["old_id"] = "key_1".into();
    assert_ne!(is_imported(&other, &[plain(), same_id])[0], ids[0]);
}

#[test]
fn a_line_that_can_not_be_taken_fails_alone_and_says_where() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"allowed_scopes": ["orders:*"]}));
    let with = |member: &str, value: Value| {
        let mut line = line(1);
        line[member] = value;
        line.to_string()
    };
    let long = "x".repeat(64 * 1024);
    let cases = [
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("{}".to_owned(), "/old_id"),
        (with("colour", json!(1)), "/colour"),
        (with("old_id", json!("")), "/old_id"),
        (with("old_id", json!("a\u{0}")), "/old_id"),
        (with("old_id", json!("x".repeat(201))), "/old_id"),
        (with("digest", json!("abc")), "/digest"),
        (with("digest", json!(7)), "/digest"),
        (with("digest", json!("0".repeat(63))), "/digest"),
        (with("name", json!("a\u{202e}b")), "/name"),
        (with("prefix", json!("pk_1")), "/prefix"),
        (with("prefix", json!(key(1))), "/prefix"),
        (with("salt", json!("ab")), "/salt"),
        (with("scopes", json!(["billing:read"])), "/scopes"),
        (with("expires_at", json!("2020-01-01T00:00:00Z")), "/expires_at"),
        (with("created_at", json!("2990-01-01T00:00:00Z")), "/created_at"),
        (with("owner", json!("01977f3b-0c44-7b21-9d10-5e8f7a6b4c02")), "/owner"),
        (with("suspended", json!("no")), "/suspended"),
        (with("name", json!(long)), ""),
    ];
    let mut body = plain().to_string() + "\n\n";
    cases.iter().for_each(|(line, _)| body.push_str(&format!("{line}\r\n")));
    // An import's last line need not be ended.
    body.push_str(&line(2).to_string());
    let (results, summary) = told(&send_text(&root, &tenant, body));
    assert_eq!(results.len(), cases.len() + 1);
    for (place, (result, (sent, pointer))) in results.iter().zip(&cases).enumerate() {
        assert_eq!(result["line"], place + 3, "{result}");
        assert_eq!(
            (&result["outcome"], &result["code"]),
            (&json!("refused"), &json!("invalid_request")),
            "{sent}"
        );
        let first = result["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!(first, *pointer, "{sent:.80} → {result}");
    }
    assert_eq!(results.last().map(|last| &last["outcome"]), Some(&json!("imported")));
    let counts = ["lines", "imported", "exists", "refused"].map(|name| summary[name].as_u64());
    assert_eq!(counts, [Some(21), Some(1), Some(0), Some(20)]);
    let digest = hex(&sha256(&[key(1).as_bytes()]));
    assert!(
        !service.log().contains(&digest) && !results.iter().any(|told| told.to_string().contains(&digest))
    );
}

#[test]
fn an_import_that_does_not_say_what_it_brings_is_refused_whole() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let with = |pointer: &str, value: Value| {
        let mut header = plain();
        *header.pointer_mut(pointer).expect("a member") = value;
        header
    };
    let cases = [
        (json!({}), "/import"),
        (line(1), "/import"),
        (with("/import/source", json!("No Slug")), "/import/source"),
        (with("/import/format/prefix", json!("s k")), "/import/format"),
        (with("/import/format/prefix", json!("cl_operator_")), "/import/format"),
        (with("/import/format/alphabet", json!("ascii")), "/import/format/alphabet"),
        (with("/import/format/length", json!(18)), "/import/format"),
        (with("/import/format/length", json!(201)), "/import/format/length"),
        (with("/import/format/length", json!({"min": 40})), "/import/format/length/max"),
        (with("/import/digest", json!({"algorithm": "md5"})), "/import/digest/algorithm"),
        (with("/import/digest", json!({"algorithm": "hmac_sha256"})), "/import/digest"),
        (
            with(
                "/import/digest",
                json!({"algorithm": "sha256", "salt": {"side": "after", "start_chars": 5}}),
            ),
            "/import/digest",
        ),
    ];
    without_an_event(&root, || {
        for (header, pointer) in cases {
            let problem = send(&root, &tenant, &[header.clone(), line(1)]).problem(400, "invalid_request");
            let pointers: Vec<&str> = problem["errors"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|each| each["pointer"].as_str())
                .collect();
            assert!(pointers.contains(&pointer), "{header} → {problem}");
        }
        for empty in ["", "\n\n"] {
            send_text(&root, &tenant, empty.to_owned()).problem(400, "invalid_request");
        }
        let path = format!("{}/keys/import", tenant.path());
        root.post(&path, &plain()).problem(415, "unsupported_media_type");
        root.get(&path).problem(405, "method_not_allowed");
        let request = root.request("POST", &path).header("Content-Type", "application/x-ndjson");
        let wants_json =
            request.clone().header("Accept", "application/json").body(plain().to_string().into());
        root.send(&wants_json).problem(406, "not_acceptable");
        let announced = request.header("Content-Length", "67108865").head_bytes(&service.address());
        let refused = crate::support::client::Client::new(service.address()).send_raw(&announced);
        refused.problem(413, "too_large");
    });
    root.post(&format!("{}/suspend", tenant.path()), &json!({})).expect(200);
    let refused = import(&tenant, &[plain(), line(1)]);
    assert_eq!((&refused[0]["outcome"], &refused[0]["code"]), (&json!("refused"), &json!("conflict")));
}

#[test]
fn a_form_is_declared_by_a_first_line_that_keeps_to_it_and_never_by_lines_that_are_all_refused() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let mut mistyped = plain();
    mistyped["import"]["format"]["prefix"] = "ks_".into();
    let told_whole = |number| {
        let mut line = line(number);
        line["prefix"] = "sk_0000".into();
        line
    };
    without_an_event(&root, || {
        let refused = import(&tenant, &[mistyped.clone(), told_whole(1), told_whole(2), json!({})]);
        assert_eq!(outcomes(&refused), ["refused", "refused", "refused"]);
    });
    // what nothing was declared of is no form of this installation
    gateway.verify(&key(1).replace("sk_", "ks_")).is_refused("malformed");
    let results = import(&tenant, &[plain(), json!({}), told_whole(1)]);
    assert_eq!(outcomes(&results), ["refused", "imported"]);
    gateway.verify(&key(1)).is_accepted();
    gateway.verify(&key(2)).is_refused("not_found");
}

#[test]
fn a_fifth_way_of_one_prefix_is_refused_and_the_first_four_work() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let keyed = |number: u8| {
        let key = credledger::domain::base64url::encode(&[number; 16]);
        header(json!({"algorithm": "hmac_sha256", "hmac_key": key}))
    };
    let line_of = |number: u8| {
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[number; 16]);
        let mut line = line(number.into());
        line["digest"] = hex(ring::hmac::sign(&secret, key(number.into()).as_bytes()).as_ref()).into();
        line
    };
    for number in 1..=4 {
        is_imported(&tenant, &[keyed(number), line_of(number)]);
    }
    let problem = send(&root, &tenant, &[keyed(5), line_of(5)]).problem(409, "conflict");
    assert!(text(&problem["detail"]).contains("4 ways"), "{problem}");
    for number in 1..=4 {
        gateway.verify(&key(number)).is_accepted();
    }
    gateway.verify(&key(5)).is_refused("not_found");
}

#[test]
fn what_imported_keys_look_like_is_roots_to_say_and_others_import_what_is_known() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let admin = service.operator("org_admin", &[&tenant.id]);
    let theirs = tenant.seen_by(&admin);
    without_an_event(&root, || {
        let problem = send(&admin, &theirs, &[plain(), line(1)]).problem(403, "forbidden");
        assert!(text(&problem["detail"]).contains("Root declares it once"), "{problem}");
    });
    assert_eq!(import(&tenant, &[plain()]), Vec::<Value>::new());
    assert_eq!(is_imported(&theirs, &[plain(), line(1)]).len(), 1);
    service.whoami(&key(1)).expect(200);
    let mut longer = plain();
    longer["import"]["format"]["length"] = 41.into();
    let salted = header(json!({"algorithm": "sha256", "salt": {"side": "after", "start_chars": 11}}));
    without_an_event(&root, || {
        for other in [longer, salted] {
            send(&admin, &theirs, &[other]).problem(403, "forbidden");
        }
    });
}

#[test]
fn a_plan_counts_imported_keys_and_each_line_that_is_too_much_says_so() {
    let service = Service::start();
    let root = service.root();
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": 3})).expect(201);
    let tenant = acme(&root);
    root.patch(&tenant.path(), &json!({"plan": "free"})).expect(200);
    tenant.mint("own");
    let results = import(&tenant, &[plain(), line(1), line(2), line(3), line(4)]);
    let mut told = outcomes(&results);
    told.sort();
    assert_eq!(told, ["imported", "imported", "refused", "refused"]);
    for refused in results.iter().filter(|result| result["outcome"] == "refused") {
        assert_eq!(refused["code"], "quota_exceeded", "{refused}");
    }
    // What was refused is not there, and comes once there is room.
    root.patch(&tenant.path(), &json!({"plan": null})).expect(200);
    let mut again = outcomes(&import(&tenant, &[plain(), line(1), line(2), line(3), line(4)]));
    again.sort();
    assert_eq!(again, ["exists", "exists", "imported", "imported"]);
}

#[test]
fn each_line_is_answered_as_it_comes() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let mut slow = Pieces::of(&tenant, &service);
    slow.send(&format!("{}\n", plain()));
    slow.head();
    for number in 1..=3 {
        let (half, rest) = (line(number).to_string(), "\n");
        slow.send(&half);
        slow.send(rest);
        let told: Value = serde_json::from_str(&slow.piece().expect("a line")).expect("JSON");
        assert_eq!((&told["outcome"], &told["line"]), (&json!("imported"), &json!(number + 1)));
        service.whoami(&key(number)).expect(200);
    }
    // Whoever hangs up in the middle has what was told, and goes on by sending it all again.
    drop(slow);
    let results = import(&tenant, &[plain(), line(1), line(2), line(3), line(4)]);
    assert_eq!(outcomes(&results), ["exists", "exists", "exists", "imported"]);
}

fn resident_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn view_kib(root: &Actor) -> u64 {
    let metrics = root.get("/metrics").text();
    let line = metrics.lines().find(|line| line.starts_with("credledger_view_bytes ")).expect("a gauge");
    line.split(' ').nth(1).and_then(|number| number.parse::<f64>().ok()).expect("a number") as u64 / 1024
}

/// A caller that sends much and reads nothing is not read from: what it sends waits on its own side.
#[test]
fn a_long_import_is_held_in_little_memory_however_slow_its_caller_reads() {
    const LINES: usize = 20_000;
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    is_imported(&tenant, &[plain(), line(LINES + 1)]);
    let (before, view_before) = (resident_kib(&service), view_kib(&root));
    let mut slow = Pieces::of(&tenant, &service);
    let mut sender = slow.out.try_clone().expect("a clone");
    let padding = "d".repeat(900);
    let sending = std::thread::spawn(move || {
        let mut chunk = format!("{}\n", plain());
        for number in 1..=LINES {
            let mut line = line(number);
            line["description"] = padding.clone().into();
            chunk.push_str(&format!("{line}\n"));
            if number % 100 == 0 {
                sender.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).expect("room");
                chunk.clear();
            }
        }
        sender.write_all(b"0\r\n\r\n").expect("room");
    });
    slow.head();
    let (mut told, mut most) = (String::new(), 0);
    while let Some(piece) = slow.piece() {
        told.push_str(&piece);
        most = most.max(resident_kib(&service));
    }
    sending.join().expect("all was sent");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), LINES + 1);
    assert_eq!(lines[LINES]["summary"]["imported"], LINES, "{}", lines[LINES]);
    for (place, line) in lines[..LINES].iter().enumerate() {
        assert_eq!((&line["line"], &line["outcome"]), (&json!(place + 2), &json!("imported")));
    }
    // A connection of its own: the one before has rested for long.
    let of_view = view_kib(&service.root()).saturating_sub(view_before);
    let grown = most.saturating_sub(before);
    // The body is 22 MiB, its answer 3; a debug build's few batches under way take a part of that.
    assert!(grown < of_view + 24 * 1024, "{grown} KiB more, the view {of_view}");
}
