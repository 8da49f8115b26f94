//! Every command on a key: what it does, what it refuses, and that it does nothing where there is nothing to do.

use serde_json::{Value, json};

use crate::support::service::{Key, Service, is_window_of, text};
use crate::{acme, without_an_event};
use credledger::clock::Timestamp;

#[test]
fn a_mint_answers_the_key_its_secret_and_where_it_is() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"default_scopes": ["invoices:read"]}));
    let body =
        json!({"name": "ci", "metadata": {"team": "a"}, "ip_rules": {"deny": [{"cidr": "192.0.2.1"}]}});
    let answer = root.post(&format!("{}/keys", tenant.path()), &body);
    let minted = answer.expect(201);
    let key = &minted["key"];
    assert_eq!(
        answer.header("location"),
        Some(format!("{}/keys/{}", tenant.path(), text(&key["id"])).as_str())
    );
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(root.get(answer.header("location").expect("a place")).expect(200), *key);
    assert_eq!(key["scopes"], json!(["invoices:read"]), "the tenant's default");
    assert_eq!(key["ip_rules"], json!({"allow": [], "deny": [{"cidr": "192.0.2.1/32", "enabled": true}]}));
    assert_eq!(
        (&key["kind"], &key["status"], &key["version"]),
        (&json!("api_key"), &json!("active"), &json!(1))
    );
    assert_eq!((&key["tenant_id"], &key["created_by"]["kind"]), (&json!(tenant.id), &json!("operator")));
    let secret = text(&minted["secret"]);
    assert!(secret.starts_with(&text(&key["secrets"][0]["prefix"])), "{secret}");
    // No two are alike, names need not be unique, and scopes may be none.
    let other =
        root.post(&format!("{}/keys", tenant.path()), &json!({"name": "ci", "scopes": []})).expect(201);
    assert_ne!(other["secret"], minted["secret"]);
    assert_eq!(other["key"]["scopes"], json!([]));
}

#[test]
fn a_mint_keeps_to_what_its_tenant_allows() {
    let service = Service::start();
    let root = service.root();
    let settings = json!({
        "allowed_scopes": ["invoices:*"], "default_scopes": ["invoices:read"],
        "require_expiry": true, "max_lifetime_seconds": 3600,
    });
    let tenant = root.tenant("strict", settings);
    let keys = format!("{}/keys", tenant.path());
    let cases = [
        (json!({"name": "k"}), "/expires_at"),
        (json!({"name": "k", "expires_at": "2099-01-01T00:00:00Z"}), "/expires_at"),
    ];
    without_an_event(&root, || {
        for (body, pointer) in cases {
            let problem = root.post(&keys, &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
    });
    root.patch(&tenant.path(), &json!({"settings": {"require_expiry": false, "max_lifetime_seconds": null}}))
        .expect(200);
    let wide = root.post(&keys, &json!({"name": "k", "scopes": ["*"]})).problem(400, "invalid_request");
    assert_eq!(wide["errors"][0]["pointer"], "/scopes");
    let key = tenant.mint("k");
    let wider = root.patch(&key.path, &json!({"scopes": ["users:read"]})).problem(400, "invalid_request");
    assert_eq!(wider["errors"][0]["pointer"], "/scopes");
}

#[test]
fn a_suspended_tenant_mints_nothing_and_its_keys_rest() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let suspended = root.post(&format!("{}/suspend", tenant.path()), &json!({})).expect(200);
    assert_eq!(suspended["enforced"], true);
    gateway.verify(&key.secret).is_refused("tenant_suspended");
    root.post(&format!("{}/keys", tenant.path()), &json!({"name": "k"})).problem(409, "conflict");
    root.post(&format!("{}/resume", tenant.path()), &json!({})).expect(200);
    gateway.verify(&key.secret).is_accepted();
}

#[test]
fn an_edit_of_several_things_is_one_write_and_one_event_for_each_kind() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint_with(json!({"name": "before", "description": "old", "metadata": {"a": 1}}));
    let edited = key.edit(json!({
        "name": "after", "description": null, "metadata": null, "scopes": ["a:b"],
        "expires_at": "2099-01-01T00:00:00.1239Z", "ip_rules": {"allow": [{"cidr": "2001:DB8::/32"}]},
    }));
    let shown = &edited["key"];
    assert_eq!(
        (&shown["name"], &shown["description"], &shown["metadata"]),
        (&json!("after"), &Value::Null, &json!({}))
    );
    assert_eq!(shown["expires_at"], "2099-01-01T00:00:00.123Z");
    assert_eq!(shown["ip_rules"]["allow"][0]["cidr"], "2001:db8::/32");
    let told =
        ["created", "edited", "rescoped", "expiry_set", "restricted"].map(|word| format!("api_key.{word}"));
    assert_eq!(key.told(), told);
    let history = key.history();
    assert_eq!(history[4]["position"], edited["position"]);
    assert_eq!(shown["version"], 5);
    assert_eq!(history[1]["changes"]["name"], json!({"from": "before", "to": "after"}));
    // What is absent stays.
    let renamed = key.edit(json!({"name": "again"}));
    assert_eq!(
        (&renamed["key"]["scopes"], &renamed["key"]["expires_at"]),
        (&shown["scopes"], &shown["expires_at"])
    );
}

#[test]
fn where_one_of_several_changes_is_refused_none_is_made() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"allowed_scopes": ["a:b"], "default_scopes": []}));
    let key = tenant.mint("before");
    let before = key.read();
    without_an_event(&root, || {
        root.patch(&key.path, &json!({"name": "after", "scopes": ["x:y"]})).problem(400, "invalid_request");
    });
    assert_eq!(key.read(), before);
}

#[test]
fn what_would_change_nothing_is_200_without_an_event() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key =
        tenant.mint_with(json!({"name": "same", "scopes": ["a:b"], "expires_at": "2099-01-01T00:00:00Z"}));
    let act = |rest: &str, body: Value| root.post(&format!("{}{rest}", key.path), &body).expect(200);
    let same =
        json!({"name": "same", "scopes": ["a:b"], "expires_at": "2099-01-01T00:00:00Z", "ip_rules": null});
    let last = key.minted["position"].clone();
    without_an_event(&root, || {
        for answer in [key.edit(same), key.edit(json!({})), act("/resume", json!({}))] {
            assert_eq!((&answer["position"], &answer["key"]["version"]), (&last, &json!(1)));
            assert_eq!(answer["enforced"], true);
        }
    });
    let suspended = act("/suspend", json!({}));
    assert_eq!(without_an_event(&root, || act("/suspend", json!({})))["position"], suspended["position"]);
    let revoked = key.revoke("unused");
    without_an_event(&root, || {
        assert_eq!(act("/revoke", json!({"reason": "leaked"}))["position"], revoked["position"]);
        assert_eq!(root.delete(&key.path).expect(200)["key"]["revoked"]["reason"], "unused");
        assert_eq!(key.edit(json!({"name": "same"}))["position"], revoked["position"]);
    });
}

#[test]
fn a_suspended_key_rests_and_can_be_edited_rotated_resumed_and_revoked() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let act = |rest: &str| root.post(&format!("{}{rest}", key.path), &json!({}));
    assert_eq!(act("/suspend").expect(200)["key"]["status"], "suspended");
    gateway.verify(&key.secret).is_refused("suspended");
    assert_eq!(service.whoami(&key.secret).problem(401, "unauthorized")["reason"], "suspended");
    key.edit(json!({"name": "renamed"}));
    let (secret, _) = key.rotate(json!({}));
    gateway.verify(&secret).is_refused("suspended");
    assert_eq!(act("/resume").expect(200)["key"]["status"], "active");
    gateway.verify(&secret).is_accepted();
    gateway.verify(&key.secret).is_accepted();
    act("/suspend").expect(200);
    key.revoke("other");
    gateway.verify(&secret).is_refused("revoked");
}

#[test]
fn a_revocation_keeps_its_reason_and_note_and_who_gave_them() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for reason in ["leaked", "compromised", "superseded", "unused", "owner_left", "deleted", "other"] {
        let key = tenant.mint(reason);
        let path = format!("{}/revoke", key.path);
        let answer = root.post(&path, &json!({"reason": reason, "note": "seen\nin a log"})).expect(200);
        let revoked = &answer["key"]["revoked"];
        assert_eq!((&revoked["reason"], &revoked["note"]), (&json!(reason), &json!("seen\nin a log")));
        assert_eq!((&revoked["by"], &answer["enforced"]), (&answer["key"]["created_by"], &json!(true)));
        assert_eq!(answer["key"]["secrets"][0]["status"], "revoked");
    }
}

#[test]
fn a_revocation_that_does_not_wait_tells_truly_whether_it_is_enforced() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let path = format!("{}/revoke", key.path);
    let answer = root.post(&path, &json!({"reason": "other", "wait": "none"}));
    let enforced = answer.json()["enforced"] == true;
    assert_eq!(answer.status, if enforced { 200 } else { 202 });
    if enforced {
        gateway.verify(&key.secret).is_refused("revoked");
    }
    let waited = root.post(&path, &json!({"reason": "other"})).expect(200);
    assert_eq!(waited["enforced"], true);
    gateway.verify(&key.secret).is_refused("revoked");
}

#[test]
fn a_rotation_takes_the_grace_of_the_tenant_and_no_longer_one_than_it_allows() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"default_grace_seconds": 60, "max_grace_seconds": 120}));
    let key = tenant.mint("k");
    let before = &key.minted["key"]["created_at"];
    let answer = root.send(&root.request("POST", &format!("{}/rotate", key.path)));
    let rotated = answer.expect(201);
    assert_eq!(answer.header("location"), Some(key.path.as_str()));
    is_window_of(60, before, &rotated["key"]);
    let (_, longest) = key.rotate(json!({"grace_seconds": 120}));
    is_window_of(120, before, &longest["key"]);
    let over = root.post(&format!("{}/rotate", key.path), &json!({"grace_seconds": 121}));
    assert_eq!(over.problem(400, "invalid_request")["errors"][0]["pointer"], "/grace_seconds");
}

#[test]
fn a_sixth_living_secret_is_409_until_one_has_ended() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key: Key<'_> = acme(&root).mint("k");
    let mut secrets = vec![key.secret.clone()];
    secrets.extend((0..4).map(|_| key.rotate(json!({"grace_seconds": 3600})).0));
    secrets.iter().for_each(|secret| drop(gateway.verify(secret).is_accepted().clone()));
    let rotate = format!("{}/rotate", key.path);
    root.post(&rotate, &json!({"grace_seconds": 1})).problem(409, "too_many_secrets");
    root.post(&format!("{}/revoke", key.secret_path(0)), &json!({})).expect(200);
    secrets.push(key.rotate(json!({"grace_seconds": 3600})).0);
    // Grace 0 ends every older one.
    let (last, _) = key.rotate(json!({"grace_seconds": 0}));
    gateway.verify(&secrets[0]).is_refused("revoked");
    secrets[1..].iter().for_each(|secret| drop(gateway.verify(secret).is_refused("rotated_out").clone()));
    gateway.verify(&last).is_accepted();
}

#[test]
fn the_history_tells_who_did_what_when_from_where() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let admin = service.operator("org_admin", &[&tenant.id]);
    let mint = admin.request("POST", &format!("{}/keys", tenant.path())).json(&json!({"name": "told"}));
    let minted =
        admin.send(&mint.header("X-Forwarded-For", "192.0.2.44").header("X-Request-Id", "req-1")).expect(201);
    let path = format!("{}/keys/{}", tenant.path(), text(&minted["key"]["id"]));
    root.patch(&path, &json!({"name": "told again"})).expect(200);
    let history = root.get(&format!("{path}/history")).expect(200);
    let first = &history["data"][0];
    assert_eq!(
        (&first["type"], &first["client_ip"], &first["request_id"]),
        (&json!("api_key.created"), &json!("192.0.2.44"), &json!("req-1"))
    );
    assert_eq!((&first["actor"]["kind"], &first["actor"]["name"]), (&json!("operator"), &json!("org_admin")));
    assert_eq!(first["actor"]["id"], minted["key"]["created_by"]["id"]);
    assert_eq!((&first["position"], &first["at"]), (&minted["position"], &minted["key"]["created_at"]));
    let digestless = first.to_string();
    assert!(!digestless.contains("digest") && !digestless.contains(&text(&minted["secret"])), "{digestless}");
    let newest_first = root.get(&format!("{path}/history?order=desc")).expect(200);
    let reversed: Vec<Value> =
        newest_first["data"].as_array().expect("events").iter().rev().cloned().collect();
    assert_eq!(json!(reversed), history["data"]);
}

/// Milliseconds after an instant of an answer.
fn after(instant: &Value, millis: i64) -> Value {
    let at = Timestamp::parse(instant.as_str().expect("an instant")).expect("an instant");
    json!(Timestamp::from_millis(at.millis() + millis).expect("an instant"))
}

#[test]
fn a_longest_life_is_that_of_the_active_secret_and_only_a_rotation_earns_more() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"max_lifetime_seconds": 3600}));
    let soon = after(&root.get(&tenant.path()).expect(200)["created_at"], 60_000);
    let key = tenant.mint_with(json!({"name": "k", "expires_at": soon}));
    let beyond = |end: &Value| {
        let problem = root.patch(&key.path, &json!({"expires_at": end})).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/expires_at", "{problem}");
    };
    let first = key.minted["key"]["created_at"].clone();
    beyond(&after(&first, 3_600_001));
    beyond(&json!(null));
    let last = after(&first, 3_600_000);
    assert_eq!(key.edit(json!({"expires_at": last}))["key"]["expires_at"], last);
    let (_, rotated) = key.rotate(json!({}));
    assert_eq!(rotated["key"]["expires_at"], last, "a rotation moves no end");
    let made = rotated["key"]["secrets"][1]["created_at"].clone();
    beyond(&after(&made, 3_600_001));
    let renewed = after(&made, 3_600_000);
    assert_eq!(key.edit(json!({"expires_at": renewed}))["key"]["expires_at"], renewed);
    // A lower bound touches nothing that is there.
    root.patch(&tenant.path(), &json!({"settings": {"max_lifetime_seconds": 60}})).expect(200);
    assert_eq!(key.edit(json!({"expires_at": renewed, "name": "still"}))["key"]["expires_at"], renewed);
    beyond(&after(&made, 60_001));
    service.gateway().verify(&key.secret).is_accepted();
}

#[test]
fn no_secret_is_told_to_outlive_its_key_and_no_window_is_moved_beyond_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let end = after(&root.get(&tenant.path()).expect(200)["created_at"], 600_000);
    let key = tenant.mint_with(json!({"name": "k", "expires_at": end}));
    let (_, rotated) = key.rotate(json!({"grace_seconds": 86400}));
    let secret = &rotated["key"]["secrets"][0];
    assert_eq!((&secret["status"], &secret["expires_at"]), (&json!("expiring"), &end));
    let window = format!("{}/secrets/{}", key.path, secret["id"].as_str().expect("an id"));
    let problem = root.patch(&window, &json!({"expires_at": after(&end, 1)})).problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/expires_at", "{problem}");
    // What was read can be sent back, and holds then even if the key's own end is moved away.
    root.patch(&window, &json!({"expires_at": end})).expect(200);
    crate::without_an_event(&root, || root.patch(&window, &json!({"expires_at": end})).expect(200));
    let kept = key.edit(json!({"expires_at": null}));
    assert_eq!(kept["key"]["secrets"][0]["expires_at"], end);
    let sooner = after(&end, -1);
    let moved = root.patch(&window, &json!({"expires_at": sooner})).expect(200);
    assert_eq!(moved["key"]["secrets"][0]["expires_at"], sooner);
}

#[test]
fn null_takes_a_keys_members_back_to_their_defaults() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"default_scopes": ["a:b"]}));
    let given = json!({
        "name": "k", "description": "d", "scopes": ["c:d"], "metadata": {"a": 1}, "expires_at": "2099-01-01T00:00:00Z",
        "ip_rules": {"allow": [{"cidr": "127.0.0.1"}]},
    });
    let key = tenant.mint_with(given);
    let plain = tenant.mint("k").read();
    for member in ["description", "scopes", "metadata", "expires_at", "ip_rules"] {
        assert_ne!(key.read()[member], plain[member], "{member}");
        assert_eq!(key.edit(json!({member: null}))["key"][member], plain[member], "{member}");
    }
    root.patch(&key.path, &json!({"name": null})).problem(400, "invalid_request");
}
