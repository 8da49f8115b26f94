//! Clients that prove themselves by assertions (RFC 7523): their registration, what they get, and how their keys change. What
//! does not get in is in `assertion_refused`.

use std::process::Command;

use credledger::domain::base64url;
use serde_json::{Value, json};

use super::{ALL, GRANT, INTROSPECT, REVOKE, TOKEN, act, id_of, introspected, is_error, sent};
use crate::support::assertions::{Signer, by_assertion};
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, text};
use crate::{acme, without_an_event};

/// A client that may read reports, by the key of this signer.
pub fn keyed<'a>(tenant: &Tenant<'a>, signer: &Signer) -> Key<'a> {
    let mut body = signer.registration("reporter");
    body["scopes"] = json!(["reports:read"]);
    tenant.client_with(body)
}

pub fn asks(service: &Service, path: &str, signer: &Signer, id: &str, fields: &str) -> Response {
    let assertion = signer.assertion(id, &service.url());
    service.anonymous().send(&by_assertion(path, &assertion, fields))
}

pub fn exchange(service: &Service, signer: &Signer, id: &str) -> Response {
    asks(service, TOKEN, signer, id, GRANT)
}

#[track_caller]
pub fn token(service: &Service, signer: &Signer, id: &str) -> String {
    text(&exchange(service, signer, id).expect(200)["access_token"])
}

fn jwks(keys: &[&Signer]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|signer| signer.jwk()).collect();
    json!({"jwks": {"keys": keys}})
}

#[test]
fn a_client_with_keys_has_no_secret_and_goes_the_whole_way_by_assertions() {
    let service = Service::start();
    let root = service.root();
    let signer = Signer::new("one");
    let client = keyed(&acme(&root), &signer);
    let minted = &client.minted;
    assert_eq!(minted.get("secret"), None);
    assert_eq!(minted["client"]["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(minted["client"]["jwks"], json!({"keys": [signer.jwk()]}));
    assert_eq!(client.read()["jwks"], minted["client"]["jwks"]);
    let id = id_of(&client);
    assert_eq!(minted["client"]["secrets"][0]["client_id"], id);
    assert!(id.starts_with(&text(&minted["client"]["secrets"][0]["prefix"])));

    let told = exchange(&service, &signer, &id).expect(200);
    assert_eq!((&told["token_type"], &told["scope"]), (&json!("Bearer"), &json!("reports:read")));
    let token = text(&told["access_token"]);
    assert_eq!((&super::part(&token, 1)["sub"], super::part(&token, 1).get("cnf")), (&json!(id), None));
    service.gateway().verify(&token).is_accepted();
    let about = asks(&service, INTROSPECT, &signer, &id, &format!("token={token}")).expect(200);
    assert_eq!((&about["active"], &about["client_id"]), (&json!(true), &json!(id)));
    asks(&service, REVOKE, &signer, &id, &format!("token={token}")).expect(200);
    service.gateway().verify(&token).is_refused("revoked");
    // Its own name may stand beside it, which proves nothing.
    let named = format!("{GRANT}&client_id={id}");
    asks(&service, TOKEN, &signer, &id, &named).expect(200);
}

#[test]
fn the_command_line_that_a_mint_tells_takes_a_token_with_an_assertion() {
    let service = Service::start();
    let root = service.root();
    let signer = Signer::new("one");
    let client = keyed(&acme(&root), &signer);
    let line = text(&client.minted["curl"]);
    let assertion = signer.assertion(&id_of(&client), &service.url());
    let ran =
        Command::new("sh").args(["-c", &format!("{line} --silent")]).env("ASSERTION", assertion).output();
    let ran = ran.expect("sh");
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|fault| panic!("{fault}: {ran:?}"));
    service.gateway().verify(&text(&told["access_token"])).is_accepted();
}

#[test]
fn audience_and_type_may_be_written_in_either_form() {
    let service = Service::start();
    let root = service.root();
    let signer = Signer::new("one");
    let id = id_of(&keyed(&acme(&root), &signer));
    let url = service.url();
    for (header, claims) in [
        (json!({"typ": "client-authentication+jwt"}), json!({"aud": [url]})),
        (json!({"typ": null}), json!({"nbf": 0})),
        (json!({"kid": null}), json!({"iat": null})),
        (
            json!({"jku": "https://evil.example/keys"}),
            json!({"exp": super::assertion_refused::soon() as f64 + 0.5}),
        ),
    ] {
        let (own, said) = (signer.header(), crate::support::assertions::claims(&id, &url));
        let text = signer.signed(&with(own, &header), &with(said, &claims));
        service.anonymous().send(&by_assertion(TOKEN, &text, GRANT)).expect(200);
    }
}

/// Null takes a member away.
pub fn with(mut members: Value, change: &Value) -> Value {
    let own = members.as_object_mut().expect("members");
    own.extend(change.as_object().expect("members").clone());
    own.retain(|_, value| !value.is_null());
    members
}

// ---- its keys change ----

#[test]
fn a_key_that_is_taken_away_lets_nobody_in_and_its_tokens_live_until_they_are_ended() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let client = keyed(&acme(&root), &old);
    let id = id_of(&client);
    let token = token(&service, &old, &id);
    client.edit(jwks(&[&old, &new]));
    for signer in [&old, &new] {
        exchange(&service, signer, &id).expect(200);
    }
    let edited = client.edit(jwks(&[&new]));
    assert_eq!((&edited["enforced"], &edited["client"]["jwks"]), (&json!(true), &jwks(&[&new])["jwks"]));
    is_error(&exchange(&service, &old, &id), 401, "invalid_client");
    exchange(&service, &new, &id).expect(200);
    gateway.verify(&token).is_accepted();
    act(&root, &format!("{}/tokens/revoke", client.path));
    gateway.verify(&token).is_refused("revoked");
    exchange(&service, &new, &id).expect(200);

    let changes: Vec<Value> = client
        .history()
        .into_iter()
        .filter(|event| event["type"] == "oauth_client.configured")
        .map(|event| event["changes"]["jwks"].clone())
        .collect();
    let set = |keys: &[&Signer]| jwks(keys)["jwks"].clone();
    let (first, both, second) = (set(&[&old]), set(&[&old, &new]), set(&[&new]));
    assert_eq!(changes, [json!({"from": first, "to": both}), json!({"from": both, "to": second})]);
    without_an_event(&root, || drop(client.edit(jwks(&[&new]))));
}

#[test]
fn a_rotation_makes_a_new_id_under_the_same_keys_and_the_old_one_has_its_window() {
    let service = Service::start();
    let root = service.root();
    let signer = Signer::new("one");
    let client = keyed(&acme(&root), &signer);
    let first = id_of(&client);
    let rotate = |grace: u32| {
        let rotated =
            root.post(&format!("{}/rotate", client.path), &json!({"grace_seconds": grace})).expect(201);
        assert_eq!(rotated.get("secret"), None);
        assert!(text(&rotated["curl"]).contains("client_assertion=\"$ASSERTION\""));
        text(&rotated["client_id"])
    };
    let second = rotate(3600);
    let of_first = token(&service, &signer, &first);
    for id in [&first, &second] {
        exchange(&service, &signer, id).expect(200);
    }
    let third = rotate(0);
    for id in [&first, &second] {
        is_error(&exchange(&service, &signer, id), 401, "invalid_client");
    }
    service.gateway().verify(&of_first).is_refused("revoked");
    exchange(&service, &signer, &third).expect(200);
}

#[test]
fn under_an_id_that_is_kept_there_is_nothing_to_rotate() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("keeping", json!({"client_rotation": "keep_id"}));
    let signer = Signer::new("one");
    let client = keyed(&tenant, &signer);
    without_an_event(&root, || {
        let refused = root.post(&format!("{}/rotate", client.path), &json!({})).problem(409, "conflict");
        assert!(text(&refused["detail"]).contains("PATCH its jwks"), "{refused}");
    });
    exchange(&service, &signer, &id_of(&client)).expect(200);
}

#[test]
fn after_a_restart_its_keys_are_what_they_were_and_so_is_what_was_shown() {
    const ISSUER: &str = "https://keys.example";
    let mut service = Service::start_with(&["--public-url", ISSUER]);
    let signer = Signer::new("one");
    let id = id_of(&keyed(&acme(&service.root()), &signer));
    let shown = signer.assertion(&id, ISSUER);
    let shows = |service: &Service| service.anonymous().send(&by_assertion(TOKEN, &shown, GRANT));
    shows(&service).expect(200);
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    is_error(&shows(&service), 401, "invalid_client");
    let another = by_assertion(TOKEN, &signer.assertion(&id, ISSUER), GRANT);
    service.anonymous().send(&another).expect(200);
}

// ---- its registration ----

#[track_caller]
fn is_refused(answer: &Response, pointer: &str, says: &str) {
    let problem = answer.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    assert!(problem["errors"][0]["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{problem}");
}

/// A registration with these keys instead.
fn given(keys: Value) -> Value {
    json!({"name": "x", "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": keys}})
}

fn changed(signer: &Signer, change: Value) -> Value {
    with(signer.jwk(), &change)
}

fn bad_keys(one: &Signer, two: &Signer) -> Vec<(Value, &'static str, &'static str)> {
    let long = "k".repeat(256);
    let nine: Vec<Value> = (0..9).map(|kid| changed(one, json!({"kid": kid.to_string()}))).collect();
    let rsa = json!({"kty": "RSA", "n": base64url::encode(&[0xff; 256]), "e": "AQAB", "kid": "r"});
    let (first, second, all) = ("/jwks/keys/0", "/jwks/keys/1", "/jwks/keys");
    vec![
        (json!([changed(one, json!({"d": "AA"}))]), first, "private half"),
        (json!([two.jwk(), changed(one, json!({"k": "AA"}))]), second, "private half"),
        (json!([changed(one, json!({"use": "enc"}))]), first, "use must be sig"),
        (json!([changed(one, json!({"key_ops": ["sign"]}))]), first, "key_ops must have verify"),
        (json!([changed(one, json!({"alg": "HS256"}))]), first, "alg must be"),
        (json!([changed(one, json!({"alg": "ES384"}))]), first, "alg must be"),
        (json!([changed(one, json!({"alg": "none"}))]), first, "alg must be"),
        (json!([changed(one, json!({"kty": "oct"}))]), first, "RSA of 2048"),
        (json!([changed(one, json!({"crv": "secp256k1"}))]), first, "RSA of 2048"),
        (json!([changed(one, json!({"x": "AA"}))]), first, "RSA of 2048"),
        (json!([changed(one, json!({"kid": 7}))]), first, "RSA of 2048"),
        (json!([changed(one, json!({"kid": long}))]), first, "RSA of 2048"),
        (json!(["one"]), first, "expected a public key as an object"),
        (json!([null]), first, "expected a public key as an object"),
        (json!([changed(one, json!({"kid": "a b"}))]), all, "visible ASCII"),
        (json!([changed(one, json!({"kid": ""}))]), all, "visible ASCII"),
        (json!([one.jwk(), one.jwk()]), all, "that of a key before it"),
        (json!([one.jwk(), changed(two, json!({"kid": null}))]), all, "has no kid"),
        (json!([rsa]), all, "RS256 or PS256"),
        (json!([]), all, "expected 1 to 8 keys"),
        (json!(nine), all, "at most 8"),
        (json!({"0": one.jwk()}), all, "expected an array"),
    ]
}

#[test]
fn a_bad_key_is_refused_at_its_place_in_a_mint_and_in_a_patch() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let client = keyed(&tenant, &one);
    let clients = format!("{}/clients", tenant.path());
    without_an_event(&root, || {
        for (keys, pointer, says) in bad_keys(&one, &two) {
            is_refused(&root.post(&clients, &given(keys.clone())), pointer, says);
            is_refused(&root.patch(&client.path, &json!({"jwks": {"keys": keys}})), pointer, says);
        }
        for (jwks, pointer) in [
            (json!({}), "/jwks/keys"),
            (json!([one.jwk()]), "/jwks"),
            (json!(one.jwk().to_string()), "/jwks"),
            (json!(null), "/jwks"),
            (json!({"keys": [one.jwk()], "x": 1}), "/jwks/x"),
        ] {
            is_refused(&root.patch(&client.path, &json!({"jwks": jwks})), pointer, "");
        }
    });
    exchange(&service, &one, &id_of(&client)).expect(200);
}

#[test]
fn keys_go_with_private_key_jwt_and_are_never_fetched_from_elsewhere() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let signer = Signer::new("one");
    let (client, with_secret) = (keyed(&tenant, &signer), tenant.client("c"));
    let clients = format!("{}/clients", tenant.path());
    without_an_event(&root, || {
        let without = json!({"name": "x", "token_endpoint_auth_method": "private_key_jwt"});
        let both = with(signer.registration("x"), &json!({"token_endpoint_auth_method": null}));
        for body in [without, both] {
            root.post(&clients, &body).problem(400, "invalid_request");
        }
        root.patch(&with_secret.path, &jwks(&[&signer])).problem(400, "invalid_request");
        let uri = json!({"name": "x", "jwks_uri": "https://client.example/jwks"});
        is_refused(&root.post(&clients, &uri), "/jwks_uri", "send the keys themselves as jwks");
        is_refused(&root.patch(&client.path, &uri), "/jwks_uri", "send the keys themselves as jwks");
        let method = json!({"token_endpoint_auth_method": "client_secret_basic"});
        is_refused(&root.patch(&client.path, &method), "/token_endpoint_auth_method", "chosen once");
    });
    assert_eq!(with_secret.read().get("jwks"), None);
}

// ---- nobody has a secret of it ----

#[test]
fn no_text_and_no_secret_passes_for_a_client_that_has_none() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let signer = Signer::new("one");
    let client = keyed(&acme(&root), &signer);
    let (id, anyone) = (id_of(&client), service.anonymous());
    let secret_id = text(&client.read()["secrets"][0]["id"]);
    let token = token(&service, &signer, &id);
    let guesses = ["", &id, ":", "null", "%00", &secret_id, &client.id, "undefined", &token];
    for path in ALL {
        let fields = format!("{GRANT}&token={token}");
        for secret in guesses {
            let by_basic = super::by_basic(path, &id, secret, &fields);
            is_error(&anyone.send(&by_basic), 401, "invalid_client");
            let decoded = if secret == "%00" { "x" } else { secret };
            is_error(&anyone.send(&super::by_body(path, &id, decoded, &fields)), 401, "invalid_client");
        }
        let nothing = sent(path, &format!("client_id={id}&{fields}"));
        is_error(&anyone.send(&nothing), 401, "invalid_client");
        let empty = sent(path, &format!("client_id={id}&client_assertion=&client_assertion_type=&{fields}"));
        is_error(&anyone.send(&empty), 401, "invalid_client");
    }
    for text in
        [id.clone(), format!("{id}:"), format!(":{id}"), secret_id, signer.assertion(&id, &service.url())]
    {
        is_nothing(&service, &gateway, &text);
    }
    gateway.verify(&token).is_accepted();
}

#[track_caller]
fn is_nothing(service: &Service, gateway: &Actor, text: &str) {
    let told = gateway.verify(text).0;
    assert_eq!((&told["valid"], told.get("credential_id")), (&json!(false), None), "{text}: {told}");
    assert_eq!(introspected(gateway, text), json!({"active": false}), "{text}");
    let holder = service.actor(text);
    for answer in [
        holder.get("/api/v1/whoami"),
        holder.get("/api/v1/authorize"),
        holder.post("/api/v1/self/revoke", &json!({})),
    ] {
        answer.problem(401, "unauthorized");
    }
}
