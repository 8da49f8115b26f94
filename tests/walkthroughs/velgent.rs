//! V: what people do with a key of the AI engine.

use serde_json::{Value, json};

use crate::support::service::{Actor, Service, Tenant, eventually, millis, text};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An organisation whose keys are written as the engine's owner publishes them.
fn organisation<'a>(root: &'a Actor, slug: &str) -> Tenant<'a> {
    let format =
        json!({"prefix": "velgent_live_", "public_chars": 8, "secret_chars": 24, "checksum": "none"});
    root.tenant(slug, json!({"key_format": format}))
}

#[track_caller]
fn is_unauthorized(service: &Service, secret: &str, reason: &str) {
    assert_eq!(service.whoami(secret).problem(401, "unauthorized")["reason"], reason);
}

#[test]
fn v2_a_key_is_shown_once_and_afterwards_only_its_prefix_is_known() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = organisation(&root, "acme").mint("nightly report");
    let tail = key.secret.strip_prefix("velgent_live_").expect("the brand's prefix");
    assert_eq!(tail.len(), 32);
    assert!(tail.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{tail}");
    let (known, hidden) = key.secret.split_at("velgent_live_".len() + 8);

    gateway.verify(&key.secret).is_accepted();
    service.whoami(&key.secret).expect(200);
    let list = root.get(&format!("{}?limit=10", key.path.rsplit_once('/').expect("a list").0)).expect(200);
    let afterwards = [
        key.read(),
        list,
        json!(key.history()),
        gateway.verify(&key.secret).0,
        service.whoami(&key.secret).json(),
        key.edit(json!({"description": "renamed"})),
        root.post(&format!("{}/suspend", key.path), &json!({})).expect(200),
    ];
    for answer in afterwards.map(|answer| answer.to_string()) {
        assert!(answer.contains(known), "the prefix is always known: {answer}");
        assert!(!answer.contains(hidden), "the secret part is never shown again: {answer}");
    }
    assert!(!service.log().contains(hidden), "the log knows no secret");
}

#[test]
fn v3_rotating_or_revoking_one_of_any_number_of_keys_touches_no_other() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let organisation = organisation(&root, "acme");
    let keys: Vec<_> = (0..60).map(|number| organisation.mint(&format!("key {number}"))).collect();
    let active = root.get(&format!("{}/keys?status=active&limit=500", organisation.path())).expect(200);
    assert_eq!(active["data"].as_array().map(Vec::len), Some(keys.len()));

    let (rotated, revoked, others) = (&keys[0], &keys[1], &keys[2..]);
    let before: Vec<Value> = others.iter().map(|key| key.read()).collect();
    let (new_secret, _) = rotated.rotate(json!({"grace_seconds": 0}));
    revoked.revoke("superseded");
    gateway.verify(&new_secret).is_accepted();
    gateway.verify(&rotated.secret).is_refused("rotated_out");
    gateway.verify(&revoked.secret).is_refused("revoked");
    for (key, before) in others.iter().zip(before) {
        gateway.verify(&key.secret).is_accepted();
        assert_eq!(key.read(), before);
    }
}

#[test]
fn v5_a_rotated_out_key_works_for_seven_days_and_is_listed_as_expiring_with_its_date() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = organisation(&root, "acme").mint("cut-over");
    let (new_secret, rotated) = key.rotate(json!({}));
    assert_ne!(new_secret, key.secret);
    assert!(!key.read().to_string().contains(&new_secret), "the new key is shown once");
    let secrets = &rotated["key"]["secrets"];
    assert_eq!((&secrets[0]["status"], &secrets[1]["status"]), (&json!("expiring"), &json!("active")));
    assert_eq!(millis(&secrets[0]["expires_at"]) - millis(&secrets[1]["created_at"]), 7 * DAY_MS);
    assert_eq!(key.read()["secrets"], *secrets);

    let old = gateway.verify(&key.secret);
    assert_eq!(old.is_accepted()["secret_status"], "expiring");
    assert_eq!(old.is_accepted()["expires_at"], secrets[0]["expires_at"]);
    assert_eq!(gateway.verify(&new_secret).is_accepted()["secret_status"], "active");
}

#[test]
fn v5_revoke_now_closes_the_window_early() {
    let service = Service::start();
    let root = service.root();
    let key = organisation(&root, "acme").mint("cut-over");
    let (new_secret, _) = key.rotate(json!({}));
    service.whoami(&key.secret).expect(200);
    let closed = root.post(&format!("{}/revoke", key.secret_path(0)), &json!({})).expect(200);
    assert_eq!(closed["enforced"], true);
    assert_eq!(closed["key"]["secrets"][0]["status"], "revoked");
    is_unauthorized(&service, &key.secret, "revoked");
    service.whoami(&new_secret).expect(200);
}

#[test]
fn v5_a_window_that_ends_by_time_is_401_from_then_on() {
    let service = Service::start();
    let root = service.root();
    let key = organisation(&root, "acme").mint("cut-over");
    let (new_secret, _) = key.rotate(json!({"grace_seconds": 1}));
    let refused = eventually(|| Some(service.whoami(&key.secret)).filter(|answer| answer.status == 401));
    let refused = refused.expect("the window's end");
    assert_eq!(refused.problem(401, "unauthorized")["reason"], "rotated_out");
    let secrets = &key.read()["secrets"];
    assert_eq!(secrets[0]["status"], "expired");
    assert_eq!(millis(&secrets[0]["expires_at"]) - millis(&secrets[1]["created_at"]), 1000);
    service.whoami(&new_secret).expect(200);
    // Soon afterwards the history says so too.
    eventually(|| key.told().contains(&"api_key.secret_expired".to_owned()).then_some(())).expect("an event");
}

#[test]
fn v7_nothing_expires_a_live_key_but_its_rotation() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let organisation = organisation(&root, "acme");
    let settings = &root.get(&organisation.path()).expect(200)["settings"];
    assert_eq!(
        (&settings["max_lifetime_seconds"], &settings["require_expiry"]),
        (&json!(null), &json!(false))
    );
    let (kept, rotated) = (organisation.mint("kept"), organisation.mint("rotated"));
    assert_eq!(kept.read()["expires_at"], json!(null));
    assert_eq!(kept.read()["secrets"][0]["expires_at"], json!(null));

    let (new_secret, _) = rotated.rotate(json!({"grace_seconds": 1}));
    eventually(|| rotated.told().contains(&"api_key.secret_expired".to_owned()).then_some(()))
        .expect("housekeeping");
    // Housekeeping has been by, and took what was rotated out and nothing else.
    assert_eq!(rotated.told(), ["api_key.created", "api_key.rotated", "api_key.secret_expired"]);
    assert_eq!(kept.told(), ["api_key.created"]);
    assert_eq!((&rotated.read()["status"], &kept.read()["status"]), (&json!("active"), &json!("active")));
    assert_eq!(gateway.verify(&new_secret).is_accepted()["expires_at"], json!(null));
    assert_eq!(gateway.verify(&kept.secret).is_accepted()["expires_at"], json!(null));
    gateway.verify(&rotated.secret).is_refused("rotated_out");
}

#[test]
fn v8_a_leaked_key_is_found_by_its_prefix_and_refused_by_the_very_next_request() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let (leaked, other) = (tenant.mint("leaked"), tenant.mint("other"));
    gateway.verify(&leaked.secret).is_accepted();
    let prefix = leaked.minted["key"]["secrets"][0]["prefix"].as_str().expect("a prefix");
    let found = root.get(&format!("{}/keys?prefix={prefix}", tenant.path())).expect(200);
    assert_eq!(found["data"][0]["id"], leaked.id.as_str());
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(leaked.revoke("leaked")["enforced"], true);
    gateway.verify(&leaked.secret).is_refused("revoked");
    let refused = service.actor(&leaked.secret).get("/api/v1/whoami");
    assert_eq!(refused.problem(401, "unauthorized")["reason"], "revoked");
    gateway.verify(&other.secret).is_accepted();
}

#[test]
fn v8_a_revocation_has_no_grace_and_ends_open_windows() {
    let service = Service::start();
    let root = service.root();
    let key = organisation(&root, "acme").mint("leaked");
    let (new_secret, _) = key.rotate(json!({}));
    key.revoke("leaked");
    is_unauthorized(&service, &key.secret, "revoked");
    is_unauthorized(&service, &new_secret, "revoked");
}

#[test]
fn v11_the_manners_of_a_request() {
    let service = Service::start();
    let root = service.root();
    let keys = format!("{}/keys", organisation(&root, "acme").path());
    let mint = |name: &str| root.request("POST", &keys).json(&json!({"name": name}));

    // Authorization: Bearer
    service.anonymous().get(&keys).problem(401, "unauthorized");
    root.get(&keys).expect(200);
    // Content-Type: application/json on writes
    let untyped = root.request("POST", &keys).body(b"{\"name\":\"untyped\"}".to_vec());
    root.send(&untyped).problem(415, "unsupported_media_type");
    // Idempotency-Key: opaque, at most 128 characters; a repeat gets the original response
    let longest = "~".repeat(128);
    let first = root.send(&mint("once").header("Idempotency-Key", &longest));
    let repeat = root.send(&mint("once").header("Idempotency-Key", &longest));
    first.expect(201);
    assert_eq!((repeat.status, repeat.json()), (201, first.json()));
    assert_eq!(
        (first.header("idempotency-replayed"), repeat.header("idempotency-replayed")),
        (None, Some("true"))
    );
    let names: Vec<String> = root.get(&keys).expect(200)["data"]
        .as_array()
        .map(|keys| keys.iter().map(|key| text(&key["name"])).collect())
        .unwrap_or_default();
    assert_eq!(names, ["once"]);
    let longer = root.send(&mint("never").header("Idempotency-Key", &"~".repeat(129)));
    assert_eq!(longer.problem(400, "invalid_request")["errors"][0]["header"], "Idempotency-Key");
    // X-Request-Id echoed, and on the event
    let named = root.send(&mint("named").header("X-Request-Id", "run-2031.a_b"));
    assert_eq!(named.header("x-request-id"), Some("run-2031.a_b"));
    let history = format!("{keys}/{}/history", text(&named.expect(201)["key"]["id"]));
    assert_eq!(root.get(&history).expect(200)["data"][0]["request_id"], "run-2031.a_b");
}

#[test]
fn v12_401_for_what_does_not_work_and_403_for_what_goes_beyond_it() {
    let service = Service::start();
    let root = service.root();
    let own = organisation(&root, "acme");
    organisation(&root, "other");
    let key = own.mint_with(json!({"name": "reader", "scopes": ["reports:read"]}));
    let revoked = own.mint("revoked");
    revoked.revoke("leaked");

    let missing = service.anonymous().get("/api/v1/whoami").problem(401, "unauthorized");
    assert_eq!(missing.get("reason"), None);
    is_unauthorized(&service, "velgent_live_short", "malformed");
    is_unauthorized(&service, &revoked.secret, "revoked");

    let holder = service.actor(&key.secret);
    let ask = |query: &str| holder.get(&format!("/api/v1/authorize?{query}"));
    assert_eq!(ask("scope=reports:read&tenant=acme").status, 200);
    assert_eq!(ask("scope=reports:write").problem(403, "forbidden")["reason"], "insufficient_scope");
    assert_eq!(ask("tenant=other").problem(403, "forbidden")["reason"], "wrong_tenant");
    let reader = service.operator("auditor", &[&own.id]);
    reader.post(&format!("{}/keys", own.path()), &json!({"name": "no"})).problem(403, "forbidden");
}
