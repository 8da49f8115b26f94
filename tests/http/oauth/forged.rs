//! What only looks like a token (RFC 8725): at no door is any of it taken, and none learns more than that it is nothing.

use credledger::domain::base64url;
use serde_json::{Value, json};

use super::{introspected, part, reporter, token};
use crate::acme;
use crate::support::service::{Actor, Service, text};

/// Three parts of this header and these claims, and whatever stands for a signature.
fn written(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(claims), base64url::encode(signature))
}

/// With these members in place of its own; null takes one away.
fn with(members: &Value, change: Value) -> Value {
    let mut members = members.clone();
    for (name, value) in change.as_object().expect("members") {
        match value {
            Value::Null => drop(members.as_object_mut().expect("members").remove(name)),
            value => members[name] = value.clone(),
        }
    }
    members
}

/// A good token, in parts.
struct Good {
    header: Value,
    claims: Value,
    signature: Vec<u8>,
}

impl Good {
    fn of(token: &str) -> Self {
        let signature = token.rsplit('.').next().and_then(base64url::decode).expect("a signature");
        Good { header: part(token, 0), claims: part(token, 1), signature }
    }

    /// Its signature under another header.
    fn under(&self, change: Value) -> String {
        written(&with(&self.header, change), &self.claims, &self.signature)
    }

    /// Its signature under other claims.
    fn saying(&self, change: Value) -> String {
        written(&self.header, &with(&self.claims, change), &self.signature)
    }
}

/// It is nothing anywhere.
#[track_caller]
fn is_nothing(service: &Service, gateway: &Actor, text: &str) {
    let told = gateway.verify(text).0;
    assert_eq!(
        (&told["valid"], told.get("credential_id"), told.get("client_id")),
        (&json!(false), None, None),
        "{text}"
    );
    assert!(told["reason"] == "malformed" || told["reason"] == "not_found", "{text}: {told}");
    let batch = gateway.post("/api/v1/verify/batch", &json!({"items": [{"credential": text}]})).expect(200);
    assert_eq!(batch["data"][0]["reason"], told["reason"], "{text}");
    assert_eq!(introspected(gateway, &text.replace('+', "%2B")), json!({"active": false}), "{text}");
    if text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() < 8_000 {
        let holder = service.actor(text);
        for answer in [
            holder.get("/api/v1/whoami"),
            holder.get("/api/v1/authorize"),
            holder.post("/api/v1/self/revoke", &json!({})),
        ] {
            answer.problem(401, "unauthorized");
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.is_some_and(|told| told.contains("error=\"invalid_token\"")),
                "{text}: {challenge:?}"
            );
        }
    }
}

/// The keys that are published, as anybody may have them.
fn published(service: &Service) -> Vec<Value> {
    let set = service.anonymous().get("/.well-known/jwks.json").expect(200);
    set["keys"].as_array().expect("keys").clone()
}

#[test]
fn no_header_makes_a_token_of_what_is_none() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = reporter(&acme(&root));
    let token = token(&service, &client);
    let good = Good::of(&token);
    gateway.verify(&token).is_accepted();
    let other =
        published(&service).into_iter().find(|key| key["kid"] != good.header["kid"]).expect("the next key");
    let mut bad: Vec<String> = ["none", "None", "nOnE", "HS256", "RS256", "EdDSA", "ES384", "", "dir"]
        .map(|algorithm| good.under(json!({"alg": algorithm})))
        .into();
    bad.extend(
        ["none", "NONE"]
            .map(|algorithm| written(&with(&good.header, json!({"alg": algorithm})), &good.claims, b"")),
    );
    bad.extend(
        ["JWT", "jwt", "dpop+jwt", "logout+jwt", "", "at", "application/jwt"]
            .map(|typ| good.under(json!({"typ": typ}))),
    );
    bad.extend([
        good.under(json!({"alg": null})),
        good.under(json!({"alg": ["ES256"]})),
        good.under(json!({"typ": null})),
        good.under(json!({"kid": null})),
        good.under(json!({"kid": other["kid"]})),
        good.under(json!({"kid": "../../../../etc/passwd"})),
        good.under(json!({"kid": "/dev/null"})),
        good.under(json!({"kid": "' or '1'='1"})),
        good.under(json!({"kid": "\u{0}"})),
        good.under(json!({"kid": "x".repeat(4000)})),
        good.under(json!({"kid": ["x"]})),
        good.under(json!({"crit": ["exp"]})),
        good.under(json!({"crit": ["b64"], "b64": false})),
        good.under(json!({"jku": "http://127.0.0.1:1/keys", "kid": "x"})),
        good.under(json!({"x5u": "http://127.0.0.1:1/keys"})),
        good.under(json!({"jwk": other})),
        good.under(json!({"zip": "DEF"})),
        written(&json!([]), &good.claims, &good.signature),
        written(&json!("x"), &good.claims, &good.signature),
    ]);
    for text in &bad {
        is_nothing(&service, &gateway, text);
    }
    gateway.verify(&token).is_accepted();
}

#[test]
fn a_public_key_is_no_secret_to_sign_with() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = reporter(&acme(&root));
    let good = Good::of(&token(&service, &client));
    let own = published(&service).into_iter().find(|key| key["kid"] == good.header["kid"]).expect("its key");
    let coordinates = ["x", "y"].map(|name| base64url::decode(&text(&own[name])).expect("base64url"));
    let point = [&[4][..], &coordinates[0], &coordinates[1]].concat();
    let secrets =
        [own.to_string().into_bytes(), text(&own["x"]).into_bytes(), coordinates.concat(), point, Vec::new()];
    for secret in secrets {
        let header = with(&good.header, json!({"alg": "HS256"}));
        let unsigned = written(&header, &good.claims, b"");
        let unsigned = unsigned.trim_end_matches('.');
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let signature = ring::hmac::sign(&key, unsigned.as_bytes());
        is_nothing(&service, &gateway, &format!("{unsigned}.{}", base64url::encode(signature.as_ref())));
    }
}

#[test]
fn nothing_that_a_token_says_can_be_changed() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let (client, beside) = (reporter(&tenant), other.client("beside"));
    let token = token(&service, &client);
    let good = Good::of(&token);
    let id = text(&beside.minted["client_id"]);
    for change in [
        json!({"scope": "*"}),
        json!({"exp": 99_999_999_999_i64}),
        json!({"exp": "99999999999"}),
        json!({"exp": null}),
        json!({"iss": "https://evil.example"}),
        json!({"sub": id, "client_id": id, "credential_id": beside.id}),
        json!({"tenant_id": other.id}),
        json!({"secret_id": beside.minted["client"]["secrets"][0]["id"]}),
        json!({"jti": "00000000-0000-7000-8000-000000000000"}),
        json!({"admin": true}),
        json!({}),
    ] {
        // Even the same claims in another order are others.
        let text = good.saying(change.clone());
        if text != token {
            is_nothing(&service, &gateway, &text);
        }
    }
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let flipped = |text: &str| match text.strip_suffix('A') {
        Some(start) => format!("{start}B"),
        None => format!("{}A", &text[..text.len() - 1]),
    };
    let zeros = base64url::encode(&[0; 64]);
    for text in [
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        format!("{header}.{claims}.{zeros}"),
        format!("{header}.{claims}.{}", &signature[..40]),
        format!("{header}.{claims}.{signature}AAAA"),
        format!("{header}.{}.{signature}", flipped(claims)),
        format!("{}.{claims}.{signature}", flipped(header)),
        format!("{token}/"),
        format!("{token}{}", "A".repeat(20_000)),
        format!("{header}.{}.{signature}", "A".repeat(100_000)),
        token.replace('.', ","),
        token.to_uppercase(),
        format!(" {token}"),
        format!("Bearer {token}"),
    ] {
        is_nothing(&service, &gateway, &text);
    }
    gateway.verify(&token).is_accepted();
}

#[test]
fn a_token_of_another_installation_is_none_here() {
    let (service, elsewhere) = (Service::start(), Service::start());
    let (root, other_root) = (service.root(), elsewhere.root());
    let (_, client) = (acme(&root), reporter(&acme(&other_root)));
    let token = token(&elsewhere, &client);
    elsewhere.gateway().verify(&token).is_accepted();
    is_nothing(&service, &service.gateway(), &token);
}
