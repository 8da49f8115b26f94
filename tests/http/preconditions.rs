//! ETag and If-Match, and min_position.

use serde_json::{Value, json};

use super::matrix::{ABSENT, member_of, told};
use crate::support::service::{Service, text};
use crate::{acme, without_an_event};

#[test]
fn a_stale_if_match_is_412_on_every_write_on_one_resource() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    key.rotate(json!({}));
    let window = key.secret_path(0);
    let operators = "/api/admin/v1/operators";
    let operator =
        root.post(operators, &json!({"name": "o", "role": "gateway", "all_tenants": true})).expect(201);
    let operator = format!("{operators}/{}", text(&operator["operator"]["id"]));
    let token = root.post(&format!("{operator}/tokens"), &json!({})).expect(201);
    let member = format!("{}/members/{}", tenant.path(), member_of(&tenant));
    let of_key = |rest: &str| format!("{}{rest}", key.path);
    let client = tenant.client("c");
    client.rotate(json!({}));
    let client_window = client.secret_path(0);
    let of_client = |rest: &str| format!("{}{rest}", client.path);
    let writes = [
        ("PATCH", tenant.path(), json!({"name": "other"})),
        ("POST", format!("{}/suspend", tenant.path()), json!({})),
        ("POST", format!("{}/resume", tenant.path()), json!({})),
        ("PATCH", of_key(""), json!({"name": "other"})),
        ("POST", of_key("/rotate"), json!({})),
        ("POST", of_key("/suspend"), json!({})),
        ("POST", of_key("/resume"), json!({})),
        ("POST", of_key("/revoke"), json!({"reason": "other"})),
        ("DELETE", of_key(""), json!({})),
        ("PATCH", window.clone(), json!({"expires_at": "2099-01-01T00:00:00Z"})),
        ("POST", format!("{window}/revoke"), json!({})),
        ("PATCH", of_key(""), json!({"owner": null})),
        ("PATCH", of_client(""), json!({"name": "other"})),
        ("PATCH", of_client(""), json!({"resources": ["https://api.example"]})),
        ("POST", of_client("/rotate"), json!({})),
        ("POST", of_client("/suspend"), json!({})),
        ("POST", of_client("/resume"), json!({})),
        ("POST", of_client("/revoke"), json!({"reason": "other"})),
        ("POST", of_client("/tokens/revoke"), json!({})),
        ("DELETE", of_client(""), json!({})),
        ("PATCH", client_window.clone(), json!({"expires_at": "2099-01-01T00:00:00Z"})),
        ("POST", format!("{client_window}/revoke"), json!({})),
        ("PATCH", member.clone(), json!({"name": "other"})),
        ("PATCH", member.clone(), json!({"scopes": ["*"]})),
        ("POST", format!("{member}/disable"), json!({})),
        ("POST", format!("{member}/enable"), json!({})),
        ("PATCH", operator.clone(), json!({"disabled": true})),
        ("PATCH", operator.clone(), json!({"role": "auditor"})),
        ("DELETE", operator.clone(), json!({})),
        ("POST", format!("{operator}/tokens"), json!({})),
        ("DELETE", format!("{operator}/tokens/{}", text(&token["token"]["id"])), json!({})),
    ];
    without_an_event(&root, || {
        for (method, path, body) in &writes {
            for tag in ["\"77\"", "W/\"1\"", "\"x\", \"78\""] {
                root.send(&root.request(method, path).json(body).header("If-Match", tag))
                    .problem(412, "stale");
            }
            let unreadable = root.send(&root.request(method, path).json(body).header("If-Match", "77"));
            assert_eq!(unreadable.problem(400, "invalid_request")["errors"][0]["header"], "If-Match");
        }
    });
}

#[test]
fn what_is_not_there_for_the_caller_is_404_whatever_version_is_named() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (acme(&root), root.tenant("foreign", json!({})));
    let admin = service.operator("org_admin", &[&own.id]);
    let (key, foreign_key) = (own.mint("k"), foreign.mint("k"));
    foreign_key.rotate(json!({}));
    let member_id = member_of(&foreign);
    let window = foreign_key.secret_path(0);
    let secret = window.rsplit('/').next().expect("an id");
    let operators = "/api/admin/v1/operators".to_owned();
    let writes = [
        ("PATCH", "", json!({"name": "other"})),
        ("POST", "/rotate", json!({})),
        ("POST", "/suspend", json!({})),
        ("POST", "/resume", json!({})),
        ("POST", "/revoke", json!({"reason": "other"})),
        ("DELETE", "", json!({})),
        ("PATCH", &format!("/secrets/{secret}"), json!({"expires_at": "2099-01-01T00:00:00Z"})),
        ("POST", &format!("/secrets/{secret}/revoke"), json!({})),
    ];
    without_an_event(&root, || {
        for (method, rest, body) in &writes {
            let told = |tenant: &str, key: &str, tag: &str| {
                let path = format!("{tenant}/keys/{key}{rest}");
                let answer = admin.send(&admin.request(method, &path).json(body).header("If-Match", tag));
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
                told(&answer)
            };
            // stale for the foreign key, and of its version
            for tag in ["\"77\"", "\"1\"", "\"2\"", "\"0\""] {
                let unknown = told(&own.path(), ABSENT, tag);
                for id in [&foreign_key.id, &own.id, &foreign.id] {
                    assert_eq!(told(&own.path(), id, tag), unknown, "{method} {rest} {tag}");
                }
                for id in [&foreign_key.id, &key.id] {
                    assert_eq!(told(&foreign.path(), id, tag).2, unknown.2, "{method} {rest} {tag}");
                }
            }
        }
        let strangers = member_id.as_str();
        for (method, rest, body) in [
            ("PATCH", "", json!({"name": "other"})),
            ("POST", "/disable", json!({})),
            ("POST", "/enable", json!({})),
        ] {
            for (tenant, id) in [(&own, ABSENT), (&own, strangers), (&foreign, strangers)] {
                let path = format!("{}/members/{id}{rest}", tenant.path());
                let request = admin.request(method, &path).json(&body);
                admin.send(&request.header("If-Match", "\"77\"")).problem(404, "not_found");
            }
        }
        let path = format!("{operators}/{ABSENT}");
        for id in [ABSENT, &own.id] {
            let path = path.replace(ABSENT, id);
            for (method, rest, body) in
                [("PATCH", "", json!({"disabled": true})), ("POST", "/tokens", json!({}))]
            {
                let request = root.request(method, &format!("{path}{rest}")).json(&body);
                root.send(&request.header("If-Match", "\"77\"")).problem(404, "not_found");
            }
        }
    });
}

#[test]
fn a_tag_on_what_is_yet_to_be_made_is_412_and_says_that_there_is_nothing_to_match() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let creations = [
        ("/api/admin/v1/tenants".to_owned(), json!({"name": "made"})),
        (
            "/api/admin/v1/operators".to_owned(),
            json!({"name": "made", "role": "gateway", "all_tenants": true}),
        ),
        (format!("{}/keys", tenant.path()), json!({"name": "made"})),
        (format!("{}/clients", tenant.path()), json!({"name": "made"})),
    ];
    for (path, body) in creations {
        let request = || root.request("POST", &path).json(&body);
        let problem = root.send(&request().header("If-Match", "\"9\"")).problem(412, "stale");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("nothing yet") && detail.contains("Leave If-Match out"), "{path}: {problem}");
        root.send(&request()).expect(201);
    }
}

#[test]
fn the_tag_of_what_was_read_lets_one_change_through() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let read = root.get(&key.path);
    let tag = read.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, format!("\"{}\"", read.json()["version"]));
    let rename = |name: &str, tag: &str| {
        root.send(&root.request("PATCH", &key.path).json(&json!({"name": name})).header("If-Match", tag))
    };
    let changed = rename("one", &tag);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(changed.expect(200)["key"]["version"], 2);
    rename("two", &tag).problem(412, "stale");
    rename("two", "\"1\", \"2\"").expect(200);
    rename("three", "*").expect(200);
    assert_eq!(key.read()["name"], "three");
}

#[test]
fn a_read_waits_for_a_position_and_is_behind_when_it_does_not_come() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let member = format!("{}/members/{}", tenant.path(), member_of(&tenant));
    let client = tenant.client("c");
    let admin = service.operator("org_admin", &[&tenant.id]);
    let position = key.edit(json!({"name": "read me"}))["position"].as_u64().expect("a position");
    let operator = &key.minted["key"]["created_by"]["id"];
    let reads = [
        "/api/admin/v1/tenants".to_owned(),
        tenant.path(),
        format!("{}/keys", tenant.path()),
        key.path.clone(),
        format!("{}/history", key.path),
        format!("{}/clients", tenant.path()),
        client.path.clone(),
        format!("{}/history", client.path),
        format!("{}/members", tenant.path()),
        member,
        format!("/api/admin/v1/operators/{}", text(operator)),
    ];
    // That root read a history is told in the log of calls, and its seal would take the next position.
    for path in reads {
        let reader = if path.ends_with("/history") { &admin } else { &root };
        let answer: Value = reader.get(&format!("{path}?min_position={position}")).expect(200);
        assert!(answer.is_object());
        let behind = reader.get(&format!("{path}?min_position={}", position + 1_000_000));
        behind.problem(503, "behind");
        assert!(behind.header("retry-after").is_some());
        let unreadable = reader.get(&format!("{path}?min_position=-1")).problem(400, "invalid_request");
        assert_eq!(unreadable["errors"][0]["parameter"], "min_position");
    }
    // Whoever waits is answered as soon as the write is there.
    let (address, token) = (service.address(), root.token.clone().expect("a token"));
    let path = format!("{}?min_position={}", key.path, position + 1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut client = crate::support::client::Client::new(address);
            let request = crate::support::client::Request::new("GET", &path).bearer(&token);
            // Its wait may be over before the write is made: then it asks again, as it is told to.
            crate::support::service::eventually(|| {
                Some(client.send(&request)).filter(|answer| answer.status == 200)
            })
        });
        key.edit(json!({"name": "later"}));
        let answer = waiting.join().expect("a thread").expect("an answer");
        assert_eq!(answer.json()["name"], "later");
    });
}
