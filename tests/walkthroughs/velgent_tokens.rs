//! V: what an OAuth client of the AI engine does with its secret: it takes tokens, and they work until they don't.

use std::time::{SystemTime, UNIX_EPOCH};

use credledger::domain::base64url;
use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Service, Tenant, eventually, text};

const TOKEN: &str = "/api/v1/oauth/token";

fn organisation<'a>(root: &'a Actor) -> Tenant<'a> {
    let format = json!({
        "id_prefix": "velgent_client_", "id_chars": 16, "secret_prefix": "velgent_secret_", "secret_chars": 36,
    });
    root.tenant("acme", json!({"client_format": format}))
}

/// `curl -u id:secret -d grant_type=client_credentials`
fn exchange(service: &Service, id: &str, secret: &str) -> Response {
    let both = base64url::encode(format!("{id}:{secret}").as_bytes()).replace('-', "+").replace('_', "/");
    let both = format!("{both}{}", "=".repeat((4 - both.len() % 4) % 4));
    let request = Request::new("POST", TOKEN).header("Authorization", &format!("Basic {both}"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    service.anonymous().send(&request.body(b"grant_type=client_credentials".to_vec()))
}

fn token(answer: &Response) -> String {
    text(&answer.expect(200)["access_token"])
}

fn introspected(gateway: &Actor, token: &str) -> Value {
    let request = gateway.request("POST", "/api/v1/oauth/introspect");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    gateway.send(&request.body(format!("token={token}").into_bytes())).expect(200)
}

#[test]
fn v14_a_client_exchanges_its_secret_by_basic_for_a_token_of_one_hour_and_no_refresh_token() {
    let service = Service::start();
    let root = service.root();
    let body = json!({"name": "report exporter", "scopes": ["reports:read"]});
    let client = organisation(&root).client_with(body);
    let id = text(&client.minted["client_id"]);
    let before = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let answer = exchange(&service, &id, &client.secret);
    let told = answer.expect(200);
    assert_eq!((&told["token_type"], &told["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!((told.get("refresh_token"), &told["scope"]), (None, &json!("reports:read")));
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
    // It calls with it, and whoever is called learns which client that is.
    let token = token(&answer);
    let whoami = service.whoami(&token).expect(200);
    assert_eq!((&whoami["client_id"], &whoami["name"]), (&json!(id), &json!("report exporter")));
    let gateway = service.gateway();
    gateway.verify_as(json!({"credential": token, "scopes": ["reports:read"]})).is_accepted();
    gateway
        .verify_as(json!({"credential": token, "scopes": ["reports:write"]}))
        .is_refused("insufficient_scope");
    let end = introspected(&gateway, &token)["exp"].as_u64().expect("seconds");
    assert!(end >= before + 3600, "an hour from then on");
    // A new one is asked for in the same way; the secret is good for any number of them.
    assert_ne!(self::token(&exchange(&service, &id, &client.secret)), token);
    let wrong = exchange(&service, &id, "velgent_secret_000000000000000000000000000000000000");
    assert_eq!(wrong.expect(401)["error"], "invalid_client");
    assert!(!service.log().contains(&token) && !service.log().contains(&client.secret));
}

#[test]
fn v15_the_old_client_keeps_issuing_through_its_window_and_then_can_not() {
    let service = Service::start();
    let root = service.root();
    let client = organisation(&root).client("report exporter");
    let old = (text(&client.minted["client_id"]), client.secret.clone());
    let (secret, rotated) = client.rotate(json!({"grace_seconds": 3600}));
    let new = (text(&rotated["client_id"]), secret);
    assert_ne!(old.0, new.0);
    assert_eq!(client.read()["secrets"][0]["status"], "expiring");
    let of = |(id, secret): &(String, String)| exchange(&service, id, secret);
    let (by_old, by_new) = (token(&of(&old)), token(&of(&new)));
    for token in [&by_old, &by_new] {
        assert_eq!(service.whoami(token).expect(200)["credential_id"], client.id.as_str());
    }
    // The window is moved near, and ends.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    let now =
        i64::try_from(now).ok().and_then(credledger::clock::Timestamp::from_millis).expect("an instant");
    root.patch(&client.secret_path(0), &json!({"expires_at": now.plus_seconds(3)})).expect(200);
    eventually(|| (of(&old).status == 401).then_some(())).expect("the window's end");
    assert_eq!(of(&old).expect(401)["error"], "invalid_client");
    assert_eq!(client.read()["secrets"][0]["status"], "expired");
    token(&of(&new));
    service.whoami(&by_old).expect(200);
}

#[test]
fn v16_revoking_a_client_stops_new_tokens_and_those_that_are_out_at_once() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = organisation(&root);
    let (client, other) = (tenant.client("report exporter"), tenant.client("another"));
    let id = text(&client.minted["client_id"]);
    let out = [(); 3].map(|()| token(&exchange(&service, &id, &client.secret)));
    let of_other = token(&exchange(&service, &text(&other.minted["client_id"]), &other.secret));
    assert_eq!(client.revoke("leaked")["enforced"], true);
    assert_eq!(exchange(&service, &id, &client.secret).expect(401)["error"], "invalid_client");
    for token in &out {
        gateway.verify(token).is_refused("revoked");
        assert_eq!(service.whoami(token).problem(401, "unauthorized")["reason"], "revoked");
        assert_eq!(
            service.actor(token).get("/api/v1/authorize").header("x-credential-refusal"),
            Some("revoked")
        );
        assert_eq!(introspected(&gateway, token), json!({"active": false}));
    }
    // Where they are checked offline they end with their hour at the latest: that is in them.
    let claims = out[0].split('.').nth(1).and_then(base64url::decode).expect("claims");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|from| from + 3600));
    gateway.verify(&of_other).is_accepted();
}

#[test]
fn v17_client_lifecycle_is_in_the_trail_of_keys_and_calls_by_token_stand_beside_calls_by_key() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = organisation(&root);
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["reports:read"]}));
    let client = tenant.client_with(json!({"name": "report exporter", "scopes": ["reports:read"]}));
    key.rotate(json!({}));
    client.rotate(json!({"grace_seconds": 3600}));
    key.edit(json!({"name": "nightly"}));
    client.edit(json!({"name": "weekly exporter"}));

    // One trail: whatever happened to either, in the order in which it happened.
    let auditor = service.operator("auditor", &[&tenant.id]);
    let types = "type=api_key.*&type=oauth_client.*";
    let trail = auditor.get_caught_up(&format!("{}/audit?{types}", tenant.path())).expect(200);
    let told = trail["data"].as_array().expect("a page");
    let words: Vec<String> = told.iter().map(|event| text(&event["type"])).collect();
    let both = |word: &str| [format!("api_key.{word}"), format!("oauth_client.{word}")];
    assert_eq!(words, ["created", "rotated", "edited"].map(both).concat());
    for (event, of) in told.iter().zip([&key, &client].into_iter().cycle()) {
        assert_eq!(
            (&event["subject"]["id"], &event["actor"]["name"]),
            (&json!(of.id), &json!("first operator"))
        );
        assert!(event["client_ip"].is_string() && event["request_id"].is_string(), "{event}");
    }

    // Both call, at verify and through a proxy; the API layer reports one more call of each, by what verify told it.
    let id = text(&client.minted["client_id"]);
    let token = token(&exchange(&service, &id, &client.secret));
    let (mut told_by_verify, proxy) = (Vec::new(), service.anonymous());
    for bearer in [&key.secret, &token] {
        let call = json!({"credential": bearer, "record": true, "operation": "reports.list", "client_ip": "192.0.2.44"});
        told_by_verify.push(gateway.verify_as(call).is_accepted().clone());
        gateway.verify_as(json!({"credential": bearer, "record": true, "scopes": ["reports:write"]}));
        proxy.send(&Request::new("GET", "/api/v1/authorize?record=true").bearer(bearer)).expect(200);
    }
    let reported = told_by_verify.iter().map(|verdict| {
        json!({"credential_id": verdict["credential_id"], "secret_id": verdict["secret_id"], "decision_id": verdict["decision_id"],
            "provider": "vertex", "model": "m-1", "status": 200, "latency_ms": 12})
    });
    let reported: Vec<Value> = reported.collect();
    let taken = gateway.post("/api/v1/activity", &json!({"calls": reported})).expect(200);
    assert_eq!(taken, json!({"accepted": 2, "rejected": []}));

    // Without what the auditor read itself.
    let log = |filter: &str| -> Vec<Value> {
        let page = auditor.get(&format!("{}/activity?{filter}", tenant.path())).expect(200);
        let calls = page["data"].as_array().expect("a page").iter();
        calls.filter(|call| call["kind"] != "operator").cloned().collect()
    };
    let calls =
        eventually(|| Some(log("")).filter(|calls| calls.len() == 6)).expect("rows show within seconds");
    let of = |calls: &[Value], credential: &str| -> Vec<Value> {
        calls.iter().filter(|call| call["credential_id"] == credential).cloned().collect()
    };
    let rows = [(&key, "api_key", "nightly"), (&client, "oauth_client", "weekly exporter")];
    for ((credential, kind, name), verdict) in rows.iter().zip(&told_by_verify) {
        // Filtered by it, there are its own calls and no other.
        let own = log(&format!("credential={}", credential.id));
        assert_eq!(own, of(&calls, &credential.id));
        let mut outcomes: Vec<String> = own.iter().map(|call| text(&call["outcome"])).collect();
        outcomes.sort();
        assert_eq!(outcomes, ["accepted", "accepted", "insufficient_scope"], "{own:?}");
        for call in &own {
            assert_eq!((&call["kind"], &call["name"]), (&json!(kind), &json!(name)));
            assert_eq!((&call["secret_id"], &call["prefix"]), (&verdict["secret_id"], &verdict["prefix"]));
        }
        // The call as verify judged it, with what the API layer told of it afterwards.
        let listed = log(&format!("credential={}&operation=reports.list", credential.id));
        assert_eq!((listed.len(), &listed[0]["client_ip"]), (1, &json!("192.0.2.44")));
        assert_eq!((&listed[0]["model"], &listed[0]["latency_ms"]), (&json!("m-1"), &json!(12)));
    }
    let text = json!(calls).to_string();
    assert!(!text.contains(&token) && !text.contains(&client.secret) && !text.contains(&key.secret));
}
