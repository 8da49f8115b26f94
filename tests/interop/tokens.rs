//! A checker that knows the published keys alone, in one process before and after another key signs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::programs::{Program, Running};
use crate::support::client::Request;
use crate::support::service::{Key, Service, eventually_every, text};

const JOSE: Program = Program::Node(include_str!("libraries/jose.mjs"));
const PYJWT: Program = Program::Python(include_str!("libraries/pyjwt.py"));
/// A key signs seconds after a rotation, where it was not published long enough before.
const PAUSE: Duration = Duration::from_millis(200);

#[test]
fn jose_checks_tokens_by_the_published_keys_before_and_after_a_rotation() {
    checks_through_a_rotation(
        JOSE,
        ["ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "ERR_JWT_CLAIM_VALIDATION_FAILED"],
    );
}

#[test]
fn pyjwt_checks_tokens_by_the_published_keys_before_and_after_a_rotation() {
    checks_through_a_rotation(PYJWT, ["InvalidSignatureError", "InvalidAudienceError"]);
}

/// Also how the library calls a wrong signature, and an audience that is somebody else.
fn checks_through_a_rotation(library: Program, [forged, misdirected]: [&str; 2]) {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "exporter", "scopes": ["reports:read"]}));
    let mut checker = library.start(&json!({
        "issuer": service.url(),
        "audience": service.url(),
        "jwks_uri": published_at(&service),
        "typ": "at+jwt",
    }));

    let first = token(&service, &client, "");
    let signed_by = checked(&mut checker, &first, &client);
    let changed = checker.ask(&with_another_signature(&first));
    assert_eq!(changed, json!({"refused": forged}));
    let elsewhere = token(&service, &client, "&resource=https://reports.example");
    assert_eq!(checker.ask(&elsewhere), json!({"refused": misdirected}));

    root.post("/api/admin/v1/signing-keys/rotate", &json!({})).expect(200);
    let signed_by_another = eventually_every(PAUSE, || {
        let next = token(&service, &client, "");
        (checked(&mut checker, &next, &client) != signed_by).then_some(())
    });
    assert!(signed_by_another.is_some(), "the old key signs for ever");
    assert_eq!(checked(&mut checker, &first, &client), signed_by, "the old token lives on");
}

#[test]
fn jose_reads_the_list_of_what_ended_and_takes_no_token_for_one() {
    reads_the_list(JOSE, "ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[test]
fn pyjwt_reads_the_list_of_what_ended_and_takes_no_token_for_one() {
    reads_the_list(PYJWT, "InvalidAudienceError");
}

/// Also how the library says that a token is no list: by its type, or because it is for somebody.
fn reads_the_list(library: Program, no_list: &str) {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let [client, ended] = ["exporter", "ended"].map(|name| tenant.client(name));
    let token = token(&service, &client, "");
    service.actor(&token).post("/api/v1/self/revoke", &json!({})).expect(200);
    root.post(&format!("{}/suspend", ended.path), &json!({})).expect(200);
    let mut reader = library.start(&json!({
        "issuer": service.url(),
        "jwks_uri": published_at(&service),
        "typ": "revocations+jwt",
    }));
    let list = service.gateway().get("/api/v1/revocations").text();
    let told = reader.ask(&list);
    let claims = &told["claims"];
    assert_eq!((&claims["ended_clients"], &claims["covers"]), (&json!([ended.id]), &json!(["*"])), "{told}");
    assert_eq!(claims["tokens"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(reader.ask(&with_another_signature(&list))["claims"], Value::Null);
    assert_eq!(reader.ask(&token), json!({"refused": no_list}));
}

fn published_at(service: &Service) -> Value {
    let metadata = service.anonymous().get("/.well-known/oauth-authorization-server").expect(200);
    metadata["jwks_uri"].clone()
}

#[track_caller]
fn token(service: &Service, client: &Key<'_>, more: &str) -> String {
    let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}");
    let request = Request::new("POST", "/api/v1/oauth/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.into_bytes());
    text(&service.anonymous().send(&request).expect(200)["access_token"])
}

/// The key that it was signed by; the library holds it for the client's.
#[track_caller]
fn checked(checker: &mut Running, token: &str, client: &Key<'_>) -> String {
    let told = checker.ask(token);
    let claims = &told["claims"];
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&client.minted["client_id"], &json!("reports:read")),
        "{told}"
    );
    text(&told["kid"])
}

fn with_another_signature(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').expect("a token");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{rest}.{first}{}", &signature[1..])
}
