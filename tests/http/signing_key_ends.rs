//! A signing key that somebody else may know is ended: nothing that it signed is taken by any door, and nothing more is signed by it.

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, eventually, text};
use crate::{acme, without_an_event};

const KEYS: &str = "/api/admin/v1/signing-keys";
const JWKS: &str = "/.well-known/jwks.json";

pub fn keys(root: &Actor) -> Vec<Value> {
    root.get(KEYS).expect(200)["data"].as_array().expect("a list").clone()
}

/// The kid of the newest key of that status.
#[track_caller]
pub fn of_status(root: &Actor, status: &str) -> String {
    let found = keys(root).into_iter().find(|key| key["status"] == status);
    text(&found.unwrap_or_else(|| panic!("none is {status}"))["kid"])
}

pub fn revoke(root: &Actor, kid: &str, body: &Value) -> Response {
    root.post(&format!("{KEYS}/{kid}/revoke"), body)
}

fn compromised(root: &Actor, kid: &str) -> Value {
    revoke(root, kid, &json!({"reason": "compromised"})).expect(200)
}

/// Whether the set of keys has it.
fn is_published(service: &Service, kid: &str) -> bool {
    let set = service.anonymous().get(JWKS).expect(200);
    set["keys"].as_array().into_iter().flatten().any(|key| key["kid"] == kid)
}

fn exchange(service: &Service, client: &Key<'_>) -> Response {
    crate::oauth::exchanged(service, client)
}

/// The kid that a token names.
fn kid(token: &str) -> String {
    text(&crate::oauth::part(token, 0)["kid"])
}

/// A token, as soon as some key may sign one; until then it is told when to ask again.
#[track_caller]
fn token(service: &Service, client: &Key<'_>) -> String {
    let asked = eventually(|| {
        let answer = exchange(service, client);
        if answer.status != 200 {
            crate::oauth::is_not_to_be_had(&answer);
            return None;
        }
        Some(answer.json())
    });
    text(&asked.expect("a token")["access_token"])
}

/// To every door it is like a text that a stranger signed.
#[track_caller]
fn is_taken_nowhere(service: &Service, gateway: &Actor, client: &Key<'_>, token: &str) {
    let refused = gateway.verify(token);
    refused.is_refused("malformed");
    assert_eq!(refused.0.get("credential_id"), None, "{}", refused.0);
    let items = json!({"items": [{"credential": token}]});
    let batch = gateway.post("/api/v1/verify/batch", &items).expect(200);
    assert_eq!(batch["data"][0]["reason"], "malformed", "{batch}");
    let holder = service.actor(token);
    for answer in [holder.get("/api/v1/authorize"), holder.get("/api/v1/whoami")] {
        assert_eq!(answer.problem(401, "unauthorized")["reason"], "malformed");
    }
    holder.post("/api/v1/self/revoke", &json!({})).problem(401, "unauthorized");
    crate::oauth::is_inactive(gateway, token);
    without_an_event(client.admin, || crate::oauth::give_back(service, client, token).expect(200));
}

#[test]
fn a_revoked_key_is_gone_for_everybody_and_the_one_that_was_published_ahead_signs() {
    // The issuer of before the restart, whatever the port.
    let mut service = Service::start_with(&["--public-url", "https://keys.example"]);
    let (first_token, gateway) = (service.root().token, service.gateway().token);
    let (admin, gateway_token) = (first_token.expect("a token"), gateway.expect("a token"));
    let root = service.actor(&admin);
    let client = acme(&root).client("c");
    let old = token(&service, &client);
    let (signing, next) = (of_status(&root, "signing"), of_status(&root, "next"));
    assert_eq!(kid(&old), signing);
    let note = "on a disk that was stolen";
    let told = revoke(&root, &signing, &json!({"reason": "compromised", "note": note})).expect(200);
    assert_eq!(told["enforced"], true);
    let key = &told["signing_key"];
    assert_eq!((&key["kid"], &key["status"]), (&json!(signing), &json!("revoked")));
    let why = &key["revoked"];
    assert_eq!(
        (&why["reason"], &why["note"], &why["by"]["kind"]),
        (&json!("compromised"), &json!(note), &json!("operator"))
    );
    let gateway = service.actor(&gateway_token);
    is_taken_nowhere(&service, &gateway, &client, &old);
    assert!(!is_published(&service, &signing) && is_published(&service, &next));
    assert!(is_published(&service, &of_status(&root, "next")), "and there is another one ahead");
    let new = token(&service, &client);
    assert_eq!(kid(&new), next);
    gateway.verify(&new).is_accepted();
    is_taken_nowhere(&service, &gateway, &client, &old);

    let before = keys(&root);
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    let (root, gateway) = (service.actor(&admin), service.actor(&gateway_token));
    assert_eq!(keys(&root), before, "a restart changes nothing of it");
    gateway.verify(&old).is_refused("malformed");
    gateway.verify(&new).is_accepted();
    assert!(!is_published(&service, &signing));
}

#[test]
fn what_signs_goes_on_when_the_key_ahead_is_revoked_and_another_takes_its_place() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let old = token(&service, &client);
    let (signing, next) = (of_status(&root, "signing"), of_status(&root, "next"));
    compromised(&root, &next);
    assert_eq!(of_status(&root, "signing"), signing);
    assert_ne!(of_status(&root, "next"), next);
    assert!(!is_published(&service, &next));
    assert_eq!(kid(&token(&service, &client)), signing);
    service.gateway().verify(&old).is_accepted();
}

#[test]
fn a_key_that_was_to_sign_soon_leaves_the_one_before_it_signing() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let signing = of_status(&root, "signing");
    let rotated = root.post(&format!("{KEYS}/rotate"), &json!({"algorithm": "EdDSA"})).expect(200);
    let told = compromised(&root, &text(&rotated["signing_key"]["kid"]));
    assert_eq!(told["signing_key"]["status"], "revoked");
    assert_eq!(of_status(&root, "signing"), signing);
    assert_eq!(kid(&token(&service, &client)), signing);
}

#[test]
fn while_no_key_may_sign_the_exchange_says_when_to_ask_again_and_nothing_unpublished_signs() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let old = token(&service, &client);
    // All that were published for a while.
    let (signing, next) = (of_status(&root, "signing"), of_status(&root, "next"));
    for kid in [&signing, &next] {
        compromised(&root, kid);
    }
    crate::oauth::is_not_to_be_had(&exchange(&service, &client));
    // Who asks is looked at first all the same.
    crate::oauth::is_refused_client(&service, &client);
    let new = token(&service, &client);
    let key = keys(&root).into_iter().find(|key| key["kid"] == kid(&new)).expect("a key of the service");
    assert!(![&signing, &next].contains(&&kid(&new)) && key["status"] == "signing", "{key}");
    let published_for = crate::support::service::millis(&key["signs_from"])
        - crate::support::service::millis(&key["made_at"]);
    assert!((6_000..10_000).contains(&published_for), "{published_for} ms");
    let gateway = service.gateway();
    gateway.verify(&new).is_accepted();
    gateway.verify(&old).is_refused("malformed");
}

#[test]
fn a_second_time_nothing_happens_and_what_is_no_published_key_is_told_plainly() {
    let service = Service::start();
    let root = service.root();
    let replaced = of_status(&root, "next");
    // What was ahead of another algorithm is retired unused.
    root.post(&format!("{KEYS}/rotate"), &json!({"algorithm": "EdDSA"})).expect(200);
    let signing = of_status(&root, "signing");
    let first = compromised(&root, &signing);
    without_an_event(&root, || {
        let again = revoke(&root, &signing, &json!({"reason": "other", "note": "again"})).expect(200);
        assert_eq!(again["signing_key"], first["signing_key"]);
        let problem = revoke(&root, &replaced, &json!({"reason": "other"})).problem(409, "conflict");
        assert!(text(&problem["detail"]).contains("has retired"), "{problem}");
        for unknown in ["nonsense", &"A".repeat(43), "%2e%2e", &"x".repeat(2000)] {
            revoke(&root, unknown, &json!({"reason": "other"})).problem(404, "not_found");
        }
        for (body, pointer) in [
            (json!({}), "/reason"),
            (json!({"reason": "because"}), "/reason"),
            (json!({"reason": "other", "wait": "never"}), "/wait"),
            (json!({"reason": "other", "kid": signing}), "/kid"),
        ] {
            let problem = revoke(&root, &signing, &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
    });
}

#[test]
fn whoever_need_not_wait_is_told_whether_it_is_in_force() {
    let service = Service::start();
    let root = service.root();
    let next = of_status(&root, "next");
    let answer = revoke(&root, &next, &json!({"reason": "superseded", "wait": "none"}));
    let told = answer.json();
    assert_eq!(answer.status, if told["enforced"] == true { 200 } else { 202 }, "{told}");
    assert_eq!(told["signing_key"]["status"], "revoked");
}

#[test]
fn signing_keys_have_no_etag_and_if_match_is_passed_over() {
    let service = Service::start();
    let root = service.root();
    let paths = [format!("{KEYS}/rotate"), format!("{KEYS}/{}/revoke", of_status(&root, "next"))];
    for (path, body) in paths.iter().zip([json!({}), json!({"reason": "superseded"})]) {
        let answer = root.send(&root.request("POST", path).json(&body).header("If-Match", "\"77\""));
        answer.expect(200);
        assert_eq!(answer.header("etag"), None, "{path}");
    }
}
