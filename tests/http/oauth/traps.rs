//! The traps again, signed by a key that signs here: what is refused is refused for what it says, and not for its signature.

use credledger::domain::base64url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::{introspected, part, reporter, token};
use crate::acme;
use crate::support::service::{Actor, Service, eventually, text};

/// A key that root has brought, and that signs now.
struct Brought {
    key: EcdsaKeyPair,
    kid: Value,
}

impl Brought {
    fn to(root: &Actor) -> Self {
        let pem = pem("p256");
        let keys = "/api/admin/v1/signing-keys";
        let kid = root.post(&format!("{keys}/rotate"), &json!({"private_key": pem})).expect(200)["signing_key"]["kid"].clone();
        let signs = || {
            let listed = root.get(keys).expect(200)["data"].clone();
            let own = listed.as_array().into_iter().flatten().find(|key| key["kid"] == kid).cloned();
            own.filter(|key| key["status"] == "signing")
        };
        eventually(signs).expect("it signs");
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = der.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let der = base64url::decode(&der).expect("base64");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
        Brought { key: key.expect("a key"), kid }
    }

    /// Signed, whatever it says.
    fn signed(&self, header: &str, claims: &str) -> String {
        let unsigned = [header, claims].map(|text| base64url::encode(text.as_bytes())).join(".");
        let signature = self.key.sign(&SystemRandom::new(), unsigned.as_bytes()).expect("signed");
        format!("{unsigned}.{}", base64url::encode(signature.as_ref()))
    }

    fn header(&self, change: Value) -> String {
        changed(&json!({"alg": "ES256", "typ": "at+jwt", "kid": self.kid}), change).to_string()
    }
}

fn pem(name: &str) -> &'static str {
    let whole = include_str!("../../../src/vault/private_key_test.pem");
    let start = whole.find(&format!("# {name}\n")).expect("a key of that name") + name.len() + 3;
    let rest = &whole[start..];
    rest.find("\n# ").map_or(rest, |end| &rest[..end])
}

/// Null takes a member away.
fn changed(members: &Value, change: Value) -> Value {
    let mut members = members.clone();
    for (name, value) in change.as_object().expect("members") {
        match value {
            Value::Null => drop(members.as_object_mut().expect("members").remove(name)),
            value => members[name] = value.clone(),
        }
    }
    members
}

#[track_caller]
fn is_nothing(gateway: &Actor, text: &str) {
    gateway.verify(text).is_refused("malformed");
    assert_eq!(introspected(gateway, text), json!({"active": false}));
}

#[test]
fn what_is_signed_and_says_the_wrong_thing_is_refused_for_what_it_says() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = reporter(&acme(&root));
    let brought = Brought::to(&root);
    let claims = part(&token(&service, &client), 1);
    let good = brought.header(json!({}));
    let said = |change: Value| brought.signed(&good, &changed(&claims, change).to_string());
    let headed = |change: Value| brought.signed(&brought.header(change), &claims.to_string());
    let seconds = |name: &str| claims[name].as_i64().expect("seconds");
    // The two ways of writing the type, and what is passed over.
    gateway.verify(&said(json!({}))).is_accepted();
    gateway.verify(&headed(json!({"typ": "application/at+jwt"}))).is_accepted();
    gateway
        .verify(&headed(json!({"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"})))
        .is_accepted();
    gateway.verify(&said(json!({"admin": true, "nbf": "x"}))).is_accepted();
    let (from, to) = (seconds("iat"), seconds("exp"));
    let mut bad: Vec<String> =
        ["JWT", "jwt", "dpop+jwt", "application/jwt", ""].map(|typ| headed(json!({"typ": typ}))).into();
    bad.extend(["none", "HS256", "RS256", "EdDSA"].map(|algorithm| headed(json!({"alg": algorithm}))));
    bad.extend(
        [json!({"typ": null}), json!({"kid": null}), json!({"kid": "../kid"}), json!({"crit": []})]
            .map(headed),
    );
    bad.extend(
        [
            json!({"iss": "https://evil.example"}),
            json!({"iss": format!("{}/", service.url())}),
            json!({"iss": null}),
            json!({"exp": to.to_string()}),
            json!({"exp": to as f64 + 0.5}),
            json!({"exp": null}),
            json!({"exp": -1}),
            json!({"exp": 99_999_999_999_i64}),
            json!({"exp": from}),
            json!({"iat": null}),
            json!({"iat": to + 1000, "exp": to + 1060}),
            json!({"iat": from.to_string()}),
            json!({"aud": null}),
            json!({"aud": []}),
            json!({"aud": [1]}),
            json!({"aud": {"x": 1}}),
            json!({"sub": "another"}),
            json!({"sub": null}),
            json!({"client_id": null}),
            json!({"jti": null}),
            json!({"jti": "not-an-id"}),
            json!({"tenant_id": null}),
            json!({"secret_id": "x"}),
            json!({"client_version": null}),
            json!({"client_version": -1}),
            json!({"client_version": 1.5}),
            json!({"client_version": 4_294_967_296_i64}),
            json!({"scope": ["reports:read"]}),
            json!({"scope": 1}),
            json!({"cnf": {"x5t#S256": "x"}}),
            json!({"cnf": "x"}),
            json!({"deep": nested(200)}),
        ]
        .map(said),
    );
    let twice = format!("{{\"exp\":{to},{}", &claims.to_string()[1..]);
    bad.extend([brought.signed(&good, &twice), brought.signed(&good, "[]"), brought.signed(&good, "null")]);
    bad.extend([
        brought.signed(&good, ""),
        brought.signed("{}", &claims.to_string()),
        brought.signed(&good, "{"),
    ]);
    bad.push(brought.signed(&format!("{{\"alg\":\"ES256\",{}", &good[1..]), &claims.to_string()));
    for text in &bad {
        is_nothing(&gateway, text);
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn what_is_signed_and_names_another_is_held_against_that_other() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (client, key) = (reporter(&tenant), tenant.mint("k"));
    let brought = Brought::to(&root);
    let claims = part(&token(&service, &client), 1);
    let said =
        |change: Value| brought.signed(&brought.header(json!({})), &changed(&claims, change).to_string());
    // A token stands for a client's secret, never for a key, and never for nothing.
    let of_key = text(&key.minted["key"]["secrets"][0]["id"]);
    for secret in [of_key.as_str(), "00000000-0000-7000-8000-000000000000"] {
        gateway.verify(&said(json!({"secret_id": secret}))).is_refused("not_found");
    }
    // Beyond what the client has, it has nothing.
    let wide = gateway.verify(&said(json!({"scope": "reports:read admin:all"})));
    assert_eq!(wide.is_accepted()["effective_scopes"], json!(["reports:read"]));
    let over = claims["iat"].as_i64().expect("seconds") - 7200;
    let ended = gateway.verify(&said(json!({"iat": over, "exp": over + 3600})));
    ended.is_refused("expired");
    assert!(text(&ended.0["detail"]).contains("Ask for a new one"), "{}", ended.0);
}
