//! A repeat under the same Idempotency-Key gets the first answer again, and does nothing.

use serde_json::{Value, json};

use crate::matrix::member_of;
use crate::support::client::{Client, Request, Response};
use crate::support::service::{Actor, Service, text};
use crate::{acme, without_an_event};

fn under(actor: &Actor, key: &str, method: &str, path: &str, body: &Value) -> Request {
    actor.request(method, path).json(body).header("Idempotency-Key", key)
}

#[track_caller]
fn is_replay(repeat: &Response, first: &Response) {
    assert_eq!((repeat.status, repeat.json()), (first.status, first.json()));
    assert_eq!(
        (first.header("idempotency-replayed"), repeat.header("idempotency-replayed")),
        (None, Some("true"))
    );
    for header in ["location", "etag"] {
        assert_eq!(repeat.header(header), first.header(header), "{header}");
    }
}

#[test]
fn every_write_is_done_once_and_answered_twice_alike() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    key.rotate(json!({}));
    key.rotate(json!({}));
    let (window, closed) = (key.secret_path(0), format!("{}/revoke", key.secret_path(1)));
    let client = tenant.client("c");
    client.rotate(json!({}));
    client.rotate(json!({}));
    let (client_window, client_closed) = (client.secret_path(0), format!("{}/revoke", client.secret_path(1)));
    let of_client = |rest: &str| format!("{}{rest}", client.path);
    let member = member_of(&tenant);
    let operators = "/api/admin/v1/operators";
    let operator =
        root.post(operators, &json!({"name": "o", "role": "gateway", "all_tenants": true})).expect(201);
    let operator = format!("{operators}/{}", text(&operator["operator"]["id"]));
    let token = root.post(&format!("{operator}/tokens"), &json!({})).expect(201);
    let of_key = |rest: &str| format!("{}{rest}", key.path);
    let of_tenant = |rest: &str| format!("{}{rest}", tenant.path());
    let of_member = |rest: &str| format!("{}/members/{member}{rest}", tenant.path());
    let later = credledger::clock::Timestamp::parse(&text(&key.read()["created_at"])).expect("an instant");
    let later = later.plus_seconds(3600);
    let signs = crate::signing_key_ends::of_status(&root, "signing");
    let writes = [
        ("POST", format!("/api/admin/v1/signing-keys/{signs}/revoke"), json!({"reason": "compromised"})),
        ("POST", "/api/admin/v1/tenants".to_owned(), json!({"name": "new"})),
        ("PATCH", of_tenant(""), json!({"name": "renamed"})),
        ("POST", of_tenant("/keys"), json!({"name": "new"})),
        ("PATCH", of_key(""), json!({"name": "renamed", "scopes": ["a:b"]})),
        ("POST", of_key("/rotate"), json!({"grace_seconds": 60})),
        ("PATCH", window, json!({"expires_at": later})),
        ("POST", closed, json!({})),
        ("POST", of_key("/suspend"), json!({})),
        ("POST", of_key("/resume"), json!({})),
        ("POST", of_tenant("/clients"), json!({"name": "new"})),
        ("PATCH", of_client(""), json!({"name": "renamed", "resources": ["https://api.example"]})),
        ("POST", of_client("/rotate"), json!({"grace_seconds": 60})),
        ("PATCH", client_window, json!({"expires_at": later})),
        ("POST", client_closed, json!({})),
        ("POST", of_client("/tokens/revoke"), json!({})),
        ("POST", of_client("/suspend"), json!({})),
        ("POST", of_client("/resume"), json!({})),
        ("POST", of_client("/revoke"), json!({"reason": "leaked"})),
        ("DELETE", of_client(""), json!({})),
        ("POST", of_tenant("/members"), json!({"kind": "service", "name": "new", "scopes": []})),
        ("PATCH", of_key(""), json!({"owner": member})),
        ("PATCH", of_member(""), json!({"name": "renamed", "email": "m@acme.example", "scopes": ["a"]})),
        ("POST", of_member("/disable"), json!({})),
        ("POST", of_member("/enable"), json!({})),
        ("POST", of_key("/revoke"), json!({"reason": "leaked"})),
        ("DELETE", of_key(""), json!({})),
        ("POST", "/api/admin/v1/signing-keys/rotate".to_owned(), json!({})),
        ("POST", of_tenant("/suspend"), json!({})),
        ("POST", of_tenant("/resume"), json!({})),
        ("POST", operators.to_owned(), json!({"name": "new", "role": "auditor", "all_tenants": true})),
        ("POST", format!("{operator}/tokens"), json!({"name": "t"})),
        ("PATCH", operator.clone(), json!({"role": "auditor", "tenants": [tenant.id], "disabled": true})),
        ("PATCH", operator.clone(), json!({"disabled": false})),
        ("DELETE", operator.clone(), json!({})),
        ("DELETE", format!("{operator}/tokens/{}", text(&token["token"]["id"])), json!({})),
    ];
    for (number, (method, path, body)) in writes.iter().enumerate() {
        let write = under(&root, &format!("write-{number}"), method, path, body);
        let first = root.send(&write.clone().header("X-Request-Id", "first"));
        assert!(matches!(first.status, 200 | 201), "{method} {path}: {}", first.text());
        let repeat = without_an_event(&root, || root.send(&write.header("X-Request-Id", "second")));
        is_replay(&repeat, &first);
        assert_eq!(repeat.header("x-request-id"), Some("second"), "the replay has the request id of now");
    }
}

#[test]
fn a_repeated_mint_shows_the_same_secret_and_mints_nothing() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let keys = format!("{}/keys", acme(&root).path());
    let send = |body: &str| {
        let request = root.request("POST", &keys).header("Content-Type", "application/json");
        root.send(&request.header("Idempotency-Key", "\"once\"").body(body.into()))
    };
    let first = send(r#"{"name": "k", "scopes": []}"#);
    let secret = text(&first.expect(201)["secret"]);
    // The same request is the same JSON, however it is written; a bare key is the same as a quoted one.
    is_replay(&send(r#" {"scopes":[],"name":"\u006b"}"#), &first);
    is_replay(&root.send(&under(&root, "once", "POST", &keys, &json!({"name": "k", "scopes": []}))), &first);
    assert_eq!(root.get(&keys).expect(200)["data"].as_array().map(Vec::len), Some(1));
    gateway.verify(&secret).is_accepted();
}

#[test]
fn the_same_key_with_another_request_is_422() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let keys = format!("{}/keys", tenant.path());
    root.send(&under(&root, "once", "POST", &keys, &json!({"name": "k"}))).expect(201);
    let others = [
        under(&root, "once", "POST", &keys, &json!({"name": "other"})),
        under(&root, "once", "POST", &format!("{}/rotate", key.path), &json!({})),
        under(&root, "once", "PATCH", &key.path, &json!({"name": "k"})),
        under(&root, "once", "POST", &keys, &json!({"name": "k"})).header("If-Match", "\"1\""),
    ];
    without_an_event(&root, || {
        for other in &others {
            root.send(other).problem(422, "idempotency_mismatch");
        }
    });
}

#[test]
fn another_operators_same_key_is_another_key() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let admin = service.operator("org_admin", &[&tenant.id]);
    let keys = format!("{}/keys", tenant.path());
    let mint = |actor: &Actor| actor.send(&under(actor, "same", "POST", &keys, &json!({"name": "k"})));
    let (one, other) = (mint(&root), mint(&admin));
    assert_ne!(one.expect(201)["secret"], other.expect(201)["secret"]);
    assert_eq!(other.header("idempotency-replayed"), None);
    is_replay(&mint(&admin), &other);
    is_replay(&mint(&root), &one);
}

#[test]
fn an_answer_without_an_event_is_kept_too_and_a_refusal_is_not() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let resume = under(&root, "nothing", "POST", &format!("{}/resume", key.path), &json!({}));
    let first = root.send(&resume);
    first.expect(200);
    root.post(&format!("{}/suspend", key.path), &json!({})).expect(200);
    // It tells the state of then, and resumes nothing.
    is_replay(&root.send(&resume), &first);
    assert_eq!(key.read()["status"], "suspended");

    let close = under(&root, "refused", "POST", &format!("{}/revoke", key.secret_path(0)), &json!({}));
    root.send(&close).problem(409, "last_secret");
    key.rotate(json!({}));
    root.send(&close).expect(200);
}

#[test]
fn a_retried_change_does_not_meet_its_own_412() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let change =
        under(&root, "change", "PATCH", &key.path, &json!({"name": "new"})).header("If-Match", "\"1\"");
    let first = root.send(&change);
    assert_eq!((first.status, first.header("etag")), (200, Some("\"2\"")));
    is_replay(&root.send(&change), &first);
}

#[test]
fn of_many_at_once_under_one_key_one_mints_and_nobody_gets_another_secret() {
    let service = Service::start();
    let root = service.root();
    let keys = format!("{}/keys", acme(&root).path());
    let mint = under(&root, "rush", "POST", &keys, &json!({"name": "k"}));
    let (mint, address) = (&mint, service.address());
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(move || Client::new(address).send(mint))).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let (made, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!(!made.is_empty());
    made.iter().for_each(|answer| assert_eq!(answer.json(), made[0].json()));
    waiting.iter().for_each(|answer| drop(answer.problem(409, "idempotency_in_progress")));
    assert_eq!(root.get(&keys).expect(200)["data"].as_array().map(Vec::len), Some(1));
}
