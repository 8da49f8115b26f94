//! What a secret did since it was made.

use serde_json::{Value, json};

use crate::acme;
use crate::leaks::report;
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, text};

fn path_of(key: &Key<'_>, place: usize) -> String {
    format!("{}/blast-radius", key.secret_path(place))
}

fn radius(actor: &Actor, key: &Key<'_>, place: usize) -> Value {
    actor.get_caught_up(&path_of(key, place)).expect(200)
}

/// (operation, outcome, calls).
fn calls(radius: &Value) -> Vec<(Value, String, i64)> {
    let operations = radius["operations"].as_array().expect("operations");
    let each = operations.iter().flat_map(|each| {
        let outcomes = each["outcomes"].as_array().expect("outcomes");
        assert_eq!(
            outcomes.iter().map(|outcome| number(&outcome["calls"])).sum::<i64>(),
            number(&each["calls"])
        );
        outcomes
            .iter()
            .map(|outcome| (each["operation"].clone(), text(&outcome["outcome"]), number(&outcome["calls"])))
    });
    each.collect()
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

#[test]
fn it_tells_of_one_secret_alone_by_operation_outcome_and_address() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let tenant = acme(&root);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["a:b"]}));
    let auditor = service.operator("auditor", &[&tenant.id]);
    let unused = radius(&auditor, &key, 0);
    let of_nothing = json!({"accepted": 0, "refused": 0, "operations": [], "addresses": [], "first_used_at": null, "last_used_at": null,
        "leaks": [], "changes": [], "tokens_asked_for": null, "to": null, "counted_from": null, "missing": [], "status": "active"});
    for (member, value) in of_nothing.as_object().expect("members") {
        assert_eq!(unused[member], *value, "{member}");
    }
    let ask = |secret: &str, ip: &str, operation: &str| {
        gateway.verify_as(json!({"credential": secret, "client_ip": ip, "operation": operation}))
    };
    let first = ask(&key.secret, "192.0.2.1", "list").is_accepted()["judged_at"].clone();
    ask(&key.secret, "192.0.2.2", "read").is_accepted();
    gateway
        .verify_as(json!({"credential": key.secret, "client_ip": "192.0.2.2", "scopes": ["c:d"]}))
        .is_refused("insufficient_scope");
    let (successor, _) = key.rotate(json!({"grace_seconds": 3600}));
    ask(&successor, "192.0.2.7", "read").is_accepted();
    let last = ask(&key.secret, "192.0.2.1", "list").is_accepted()["judged_at"].clone();
    // The report is no use of it; what comes after is told as well.
    report(&finder, &key.secret).expect(202);
    ask(&key.secret, "198.51.100.7", "list").is_refused("revoked");

    let told = radius(&auditor, &key, 0);
    let expected = [
        (json!(null), "insufficient_scope", 1),
        (json!("list"), "accepted", 2),
        (json!("list"), "revoked", 1),
        (json!("read"), "accepted", 1),
    ];
    assert_eq!(
        calls(&told),
        expected.map(|(operation, outcome, calls)| (operation, outcome.to_owned(), calls))
    );
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(3), &json!(2)));
    assert_eq!((&told["first_used_at"], &told["last_used_at"]), (&first, &last));
    let seen = told["addresses"].as_array().expect("addresses").iter();
    let seen: Vec<_> = seen
        .map(|seen| (text(&seen["client_ip"]), number(&seen["accepted"]), number(&seen["refused"])))
        .collect();
    assert_eq!(
        seen,
        [("198.51.100.7", 0, 1), ("192.0.2.1", 2, 0), ("192.0.2.2", 1, 1)].map(|(ip, yes, no)| (
            ip.to_owned(),
            yes,
            no
        ))
    );
    assert_eq!((&told["addresses_complete"], &told["operations_complete"]), (&json!(true), &json!(true)));
    assert_eq!(
        (&told["status"], &told["prefix"]),
        (&json!("revoked"), &key.minted["key"]["secrets"][0]["prefix"])
    );
    assert_eq!(told["leaks"][0]["url"], "https://paste.example/3fK9");
    let changes = told["changes"].as_array().expect("changes").iter().map(|event| text(&event["type"]));
    assert_eq!(changes.collect::<Vec<_>>(), ["api_key.leak_reported", "api_key.secret_revoked"]);
    assert_eq!(told["changes_complete"], true);

    // The successor's is its own. And the key leads there, as each part leads on.
    assert_eq!(calls(&radius(&auditor, &key, 1)), [(json!("read"), "accepted".to_owned(), 1)]);
    assert_eq!(key.read()["leak"]["blast_radius"], told["links"]["self"]);
    for (name, link) in told["links"].as_object().expect("links") {
        auditor.get_caught_up(link.as_str().expect("a link")).expect(200);
        assert!(name != "self" || text(link) == path_of(&key, 0));
    }
}

#[test]
fn it_is_the_same_once_it_was_written_and_after_a_restart_and_of_a_client_tells_of_its_tokens() {
    let mut service = Service::start_with(&["--usage-flush-seconds", "1"]);
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let id = text(&client.minted["client_id"]);
    let exchange = |secret: &str| {
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = Request::new("POST", "/api/v1/oauth/token").body(body.into_bytes());
        service.anonymous().send(&request.header("Content-Type", "application/x-www-form-urlencoded"))
    };
    let token = text(&exchange(&client.secret).expect(200)["access_token"]);
    let other = text(&exchange(&client.secret).expect(200)["access_token"]);
    gateway
        .verify_as(json!({"credential": token, "client_ip": "192.0.2.1", "operation": "list"}))
        .is_accepted();
    let given_back = service.actor(&other).post("/api/v1/self/revoke", &json!({}));
    given_back.expect(200);
    let told = radius(&root, &client, 0);
    assert_eq!(told["tokens_asked_for"], 2);
    assert!(calls(&told).contains(&(json!(" token"), "accepted".to_owned(), 2)), "{told}");
    assert!(calls(&told).contains(&(json!("list"), "accepted".to_owned(), 1)), "{told}");
    let changes = told["changes"].as_array().expect("changes").iter().map(|event| text(&event["type"]));
    assert_eq!(changes.collect::<Vec<_>>(), ["access_token.revoked"]);
    let path = path_of(&client, 0);
    // Whatever is in memory, on its way, in deltas or added up, each call is there once.
    for _ in 0..100 {
        assert_eq!(root.get_caught_up(&path).expect(200), told);
    }
    drop((root, gateway));
    service.stop();
    service.start_again();
    assert_eq!(service.root().get_caught_up(&path).expect(200), told);
}

#[test]
fn it_is_told_as_of_an_instant_and_of_nothing_that_is_not_there() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (key, other) = (tenant.mint("k"), root.tenant("other", json!({})).mint("o"));
    gateway.verify_as(json!({"credential": key.secret, "client_ip": "192.0.2.1"})).is_accepted();
    let path = path_of(&key, 0);
    let created = text(&key.minted["key"]["created_at"]);
    // What was counted in that hour is told; what happened after the instant is no change by then.
    let told = root.get_caught_up(&format!("{path}?to={created}")).expect(200);
    assert_eq!((&told["to"], &told["accepted"], &told["changes"]), (&json!(created), &json!(1), &json!([])));
    for (query, place) in [
        ("to=2020-01-01T00:00:00Z", "to"),
        ("to=9999-01-01T00:00:00Z", "to"),
        ("to=yesterday", "to"),
        ("from=2020-01-01T00:00:00Z", "from"),
        ("limit=5", "limit"),
    ] {
        let problem = root.get(&format!("{path}?{query}")).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], place, "{problem}");
    }
    let secret = |key: &Key<'_>| text(&key.read()["secrets"][0]["id"]);
    for absent in [
        format!("{}/secrets/{}/blast-radius", key.path, secret(&other)),
        format!("{}/secrets/{}/blast-radius", key.path, key.id),
        format!("{}/secrets/x/blast-radius", key.path),
        format!("{}/keys/{}/secrets/{}/blast-radius", tenant.path(), other.id, secret(&other)),
        format!("{}/clients/{}/secrets/{}/blast-radius", tenant.path(), key.id, secret(&key)),
    ] {
        root.get(&absent).problem(404, "not_found");
    }
}
