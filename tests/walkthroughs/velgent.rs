//! V: what people do with a key of the AI engine.

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::service::{Actor, Service, Tenant, eventually, is_window_of, text};

const DAY: i64 = 24 * 60 * 60;
const OPERATORS: &str = "/api/admin/v1/operators";

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
fn v1_the_name_of_a_key_appears_wherever_a_call_by_it_is_logged() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let organisation = organisation(&root, "acme");
    let name = "nightly report of the billing team";
    let key = organisation.mint(name);
    // A call that is asked about, one that is turned away, one that a proxy asks about, and one that is reported.
    gateway.verify_as(json!({"credential": key.secret, "record": true})).is_accepted();
    gateway.verify_as(json!({"credential": key.secret, "record": true, "scopes": ["none.such"]}));
    let asked = Request::new("GET", "/api/v1/authorize?record=true").bearer(&key.secret);
    service.anonymous().send(&asked).expect(200);
    let served = json!({"calls": [{"credential_id": key.id, "status": 200}]});
    assert_eq!(gateway.post("/api/v1/activity", &served).expect(200)["accepted"], 1);
    let called = |name: &str| log(&organisation, "", 4).iter().all(|call| call["name"] == name);
    assert!(called(name), "{:?}", log(&organisation, "", 4));
    let admin = service.operator("org_admin", &[&organisation.id]);
    let table = admin.get(&format!("{}/activity?format=csv", organisation.path())).text();
    assert_eq!(table.matches(name).count(), 4, "{table}");
    // Of a key that is called otherwise by now, the log says what it is called now.
    key.edit(json!({"name": "monthly report"}));
    assert!(called("monthly report"));
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
    let before: Vec<Value> = others.iter().map(|key| key.read_unused()).collect();
    let (new_secret, _) = rotated.rotate(json!({"grace_seconds": 0}));
    revoked.revoke("superseded");
    gateway.verify(&new_secret).is_accepted();
    gateway.verify(&rotated.secret).is_refused("rotated_out");
    gateway.verify(&revoked.secret).is_refused("revoked");
    for (key, before) in others.iter().zip(before) {
        gateway.verify(&key.secret).is_accepted();
        assert_eq!(key.read_unused(), before);
    }
}

#[test]
fn v4_an_org_admin_manages_its_own_tenant_and_whom_it_lets_in_without_an_invitation() {
    let service = Service::start();
    let root = service.root();
    let (own, other) = (organisation(&root, "acme"), organisation(&root, "other"));
    let admin = service.operator("org_admin", &[&own.id]);
    let seen = own.seen_by(&admin);

    admin.patch(&own.path(), &json!({"name": "Acme Corp."})).expect(200);
    let key = seen.mint("nightly report");
    service.whoami(&key.secret).expect(200);
    key.revoke("superseded");
    is_unauthorized(&service, &key.secret, "revoked");

    let colleague = json!({"name": "colleague", "role": "org_admin", "tenants": [own.id]});
    let colleague = text(&admin.post(OPERATORS, &colleague).expect(201)["operator"]["id"]);
    let path = format!("{OPERATORS}/{colleague}");
    let secret = text(&admin.post(&format!("{path}/tokens"), &json!({})).expect(201)["secret"]);
    let colleague = service.actor(&secret);
    own.seen_by(&colleague).mint("theirs");
    admin.patch(&path, &json!({"role": "auditor"})).expect(200);
    colleague.post(&format!("{}/keys", own.path()), &json!({"name": "no"})).problem(403, "forbidden");
    admin.delete(&path).expect(200);
    assert_eq!(colleague.get(&own.path()).problem(401, "unauthorized")["reason"], "owner_disabled");

    // The next organisation is not there for it, and the platform is not its own.
    for path in [other.path(), format!("{}/keys", other.path()), "/api/admin/v1/tenants/other".to_owned()] {
        admin.get(&path).problem(404, "not_found");
    }
    let beyond = json!({"name": "x", "role": "auditor", "tenants": [other.id]});
    admin.post(OPERATORS, &beyond).problem(400, "invalid_request");
    admin.post("/api/admin/v1/tenants", &json!({"name": "mine"})).problem(403, "forbidden");
    admin.post(&format!("{}/suspend", own.path()), &json!({})).problem(403, "forbidden");
}

#[test]
fn v4_root_manages_all_and_picks_the_tenant_first() {
    let service = Service::start();
    let root = service.root();
    ["acme", "other"].iter().for_each(|slug| drop(organisation(&root, slug)));
    let tenants = root.get("/api/admin/v1/tenants").expect(200);
    let picked = &tenants["data"][1];
    assert_eq!(picked["slug"], "other");
    let keys = format!("/api/admin/v1/tenants/{}/keys", text(&picked["id"]));
    let minted = root.post(&keys, &json!({"name": "by the platform"})).expect(201);
    assert_eq!(minted["key"]["tenant_id"], picked["id"]);
    // There is no list of keys but a tenant's.
    root.get("/api/admin/v1/keys").problem(404, "not_found");
    assert_eq!(root.get("/api/admin/v1/tenants/acme/keys").expect(200)["data"], json!([]));
    let admin = service.operator("org_admin", &[&text(&picked["id"])]);
    let seen = root.get(&format!("{OPERATORS}?role=org_admin")).expect(200);
    assert_eq!(seen["data"][0]["tenants"], json!([picked["id"]]));
    admin.get(&keys).expect(200);
}

#[test]
fn v5_a_rotated_out_key_works_for_seven_days_and_is_listed_as_expiring_with_its_date() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = organisation(&root, "acme").mint("cut-over");
    let before = gateway.verify(&key.secret).is_accepted()["judged_at"].clone();
    let (new_secret, rotated) = key.rotate(json!({}));
    assert_ne!(new_secret, key.secret);
    assert!(!key.read().to_string().contains(&new_secret), "the new key is shown once");
    let secrets = &rotated["key"]["secrets"];
    assert_eq!((&secrets[0]["status"], &secrets[1]["status"]), (&json!("expiring"), &json!("active")));
    is_window_of(7 * DAY, &before, &rotated["key"]);
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
    let before = service.whoami(&key.secret).expect(200)["judged_at"].clone();
    let (new_secret, _) = key.rotate(json!({"grace_seconds": 1}));
    let refused = eventually(|| Some(service.whoami(&key.secret)).filter(|answer| answer.status == 401));
    let refused = refused.expect("the window's end");
    assert_eq!(refused.problem(401, "unauthorized")["reason"], "rotated_out");
    let secrets = &key.read()["secrets"];
    assert_eq!(secrets[0]["status"], "expired");
    is_window_of(1, &before, &key.read());
    service.whoami(&new_secret).expect(200);
    // Soon afterwards the history says so too.
    eventually(|| key.told().contains(&"api_key.secret_expired".to_owned()).then_some(())).expect("an event");
}

/// The log as it reads once so many calls are in it, newest first.
fn log(organisation: &Tenant<'_>, query: &str, calls: usize) -> Vec<Value> {
    let read = || {
        let page = organisation.admin.get(&format!("{}/activity?{query}", organisation.path())).expect(200);
        Some(page["data"].as_array().expect("a page").clone()).filter(|page| page.len() >= calls)
    };
    eventually(read).expect("the calls are logged")
}

#[test]
fn v6_the_cut_over_is_watched_until_the_old_key_is_quiet_and_then_closed() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let organisation = organisation(&root, "acme");
    let key = organisation.mint("nightly report");
    let call = |secret: &str, ip: &str| {
        let question = json!({"credential": secret, "client_ip": ip, "operation": "chat", "record": true});
        gateway.verify_as(question).is_accepted();
    };
    call(&key.secret, "192.0.2.1");
    let (new_secret, rotated) = key.rotate(json!({}));
    let [old, new] = [0, 1].map(|place| text(&rotated["key"]["secrets"][place]["prefix"]));

    // One caller has changed over, another has not.
    call(&new_secret, "192.0.2.1");
    call(&key.secret, "192.0.2.2");
    let logged = log(&organisation, &format!("prefix={new}"), 1);
    assert_eq!((&logged[0]["prefix"], &logged[0]["name"]), (&json!(new), &json!("nightly report")));
    let usage = |quiet: u32| {
        let told = root.get(&format!("{}/usage?quiet_seconds={quiet}", key.path)).expect(200);
        told["secrets"].as_array().expect("secrets").clone()
    };
    let told = usage(3600);
    let late = &told[0]["addresses"][0];
    assert_eq!((&told[0]["prefix"], &late["client_ip"]), (&json!(old), &json!("192.0.2.2")), "who is late");
    assert_eq!(
        (&told[0]["safe_to_close"], &told[0]["not_safe_because"]["code"]),
        (&json!(false), &json!("in_use"))
    );

    // It changes over: the old key's last use stands still while the new one's moves.
    let stands = told[0]["last_used_at"].clone();
    call(&new_secret, "192.0.2.2");
    let safe = eventually(|| Some(usage(1)).filter(|told| told[0]["safe_to_close"] == true)).expect("quiet");
    assert_eq!((&safe[0]["last_used_at"], &safe[0]["quiet_since"]), (&stands, &stands));
    assert_ne!(safe[1]["last_used_at"], told[1]["last_used_at"]);
    log(&organisation, &format!("prefix={new}"), 2);
    root.post(&format!("{}/revoke", key.secret_path(0)), &json!({})).expect(200);
    is_unauthorized(&service, &key.secret, "revoked");
    service.whoami(&new_secret).expect(200);
    // Who calls with it even now is seen.
    let calls = usage(1)[0]["calls"].clone();
    let late = calls.as_array().expect("calls").iter().find(|calls| calls["outcome"] == "revoked");
    assert_eq!(late.expect("it came too late")["calls"], 1);
}

#[test]
fn v6_the_old_key_closes_by_itself_when_it_is_quiet() {
    let service = Service::start();
    let root = service.root();
    let key = organisation(&root, "acme").mint("cut-over");
    let (new_secret, rotated) = key.rotate(json!({"close_when_quiet_seconds": 1}));
    assert_eq!(rotated["key"]["secrets"][0]["status"], "expiring");
    let closed = || (key.read()["secrets"][0]["status"] == "expired").then_some(());
    eventually(closed).expect("it closes days before its date");
    is_unauthorized(&service, &key.secret, "rotated_out");
    service.whoami(&new_secret).expect(200);
    let last = key.history().pop().expect("an event");
    assert_eq!((&last["type"], &last["data"]["cause"]), (&json!("api_key.secret_expired"), &json!("quiet")));
}

#[test]
fn v10_the_activity_log_tells_each_call_with_key_operation_provider_model_latency_and_error() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let organisation = organisation(&root, "acme");
    let (key, other) = (organisation.mint("nightly report"), organisation.mint("other"));
    // The gateway asks before the call, and reports afterwards who served it.
    let asked =
        json!({"credential": key.secret, "operation": "chat", "client_ip": "192.0.2.1", "record": true});
    let verdict = gateway.verify_as(asked).is_accepted().clone();
    let served = json!({
        "credential_id": key.id, "decision_id": verdict["decision_id"], "provider": "openai", "model": "gpt-x", "status": 200,
        "latency_ms": 412,
    });
    let failed = json!({
        "credential_id": other.id, "operation": "embed", "provider": "local", "model": "e5", "status": 502, "latency_ms": 3,
        "error": "no answer",
    });
    let reported = gateway.post("/api/v1/activity", &json!({"calls": [served, failed]})).expect(200);
    assert_eq!(reported["accepted"], 2);
    let complete =
        || Some(log(&organisation, "", 2)).filter(|calls| calls.iter().all(|call| !call["model"].is_null()));
    let calls = eventually(complete).expect("each call once, whole");
    assert_eq!(calls.len(), 2);
    let of_key = log(&organisation, &format!("credential={}", key.id), 1);
    assert_eq!(of_key.len(), 1, "filtered by key");
    for (member, value) in [
        ("operation", json!("chat")),
        ("name", json!("nightly report")),
        ("prefix", key.minted["key"]["secrets"][0]["prefix"].clone()),
        ("provider", json!("openai")),
        ("model", json!("gpt-x")),
        ("latency_ms", json!(412)),
        ("error", Value::Null),
        ("outcome", json!("accepted")),
        ("client_ip", json!("192.0.2.1")),
    ] {
        assert_eq!(of_key[0][member], value, "{member}");
    }
    let of_other = log(&organisation, &format!("credential={}", other.id), 1);
    assert_eq!((&of_other[0]["error"], &of_other[0]["status"]), (&json!("no answer"), &json!(502)));
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
fn v9_a_key_opens_neither_another_tenant_nor_the_admin_api_and_an_operators_token_is_no_key() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (own, other) = (organisation(&root, "acme"), organisation(&root, "other"));
    let key = own.mint_with(json!({"name": "everything", "scopes": ["*"]}));
    let holder = service.actor(&key.secret);
    let verdict = gateway.verify_as(json!({"credential": key.secret, "scopes": ["a:b", "c:d"]}));
    verdict.is_accepted();
    gateway.verify_as(json!({"credential": key.secret, "tenant": other.id})).is_refused("wrong_tenant");
    let doors = ["/api/admin/v1/tenants".to_owned(), own.path(), key.path.clone(), OPERATORS.to_owned()];
    for path in &doors {
        assert_eq!(holder.get(path).problem(401, "unauthorized")["reason"], "not_found", "{path}");
    }
    for path in [format!("{}/keys", own.path()), OPERATORS.to_owned()] {
        holder.post(&path, &json!({"name": "x"})).problem(401, "unauthorized");
    }
    holder.post("/api/v1/verify", &json!({"credential": key.secret})).problem(401, "unauthorized");

    for role in ["root", "org_admin", "auditor", "gateway"] {
        let operator =
            if role == "root" { service.operator(role, &[]) } else { service.operator(role, &[&own.id]) };
        operator.get("/api/v1/whoami").problem(401, "unauthorized");
        operator.post("/api/v1/self/revoke", &json!({})).problem(401, "unauthorized");
        let token = operator.token.clone().expect("a token");
        let verdict = gateway.post("/api/v1/verify", &json!({"credential": token})).expect(200);
        assert_eq!(verdict["valid"], false, "{role}: {verdict}");
    }
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
fn v12_401_for_what_does_not_work_403_for_what_goes_beyond_it_and_429_for_a_key_that_is_used_too_often() {
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

    let an_hour = json!({"requests": 2, "per_seconds": 3600});
    let [slow, other] =
        ["slow", "other"].map(|name| own.mint_with(json!({"name": name, "rate_limit": an_hour})));
    (0..2).for_each(|_| drop(service.whoami(&slow.secret).expect(200)));
    let too_often = service.whoami(&slow.secret);
    assert_eq!(too_often.problem(429, "rate_limited")["reason"], "rate_limited");
    assert!(too_often.header("retry-after").is_some());
    service.whoami(&other.secret).expect(200);
}
