//! A client that knows the issuer and its own secret, or its own key, goes the whole way: discovery, a token, what it is worth, giving it back.

use serde_json::{Value, json};

use crate::programs::Program;
use crate::support::assertions::Signer;
use crate::support::service::{Service, text};

const OPENID_CLIENT: Program = Program::Node(include_str!("libraries/openid_client.mjs"));
const OPENID_CLIENT_DPOP: Program = Program::Node(include_str!("libraries/openid_client_dpop.mjs"));
const AUTHLIB: Program = Program::Python(include_str!("libraries/authlib_client.py"));

#[test]
fn openid_client_takes_a_token_asks_about_it_and_gives_it_back() {
    goes_the_whole_way(
        OPENID_CLIENT,
        ["OAUTH_WWW_AUTHENTICATE_CHALLENGE", "invalid_client", "invalid_client"],
    );
}

/// It learns the nonce by being refused, and goes on by itself.
#[test]
fn openid_client_takes_a_token_that_is_bound_to_its_key_and_uses_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "exporter", "dpop_bound_access_tokens": true}));
    let signer = Signer::new("2026-11");
    let mut registration = signer.registration("exporter");
    registration["dpop_bound_access_tokens"] = json!(true);
    let keyed = tenant.client_with(registration);
    let by_secret = json!({"client_id": client.minted["client_id"], "client_secret": client.secret});
    let by_key = json!({"client_id": keyed.minted["client_id"], "pkcs8": signer.pkcs8(), "kid": "2026-11"});
    let ways = ["ES256", "Ed25519", "PS256", "RS256", "ES384"].map(|algorithm| (algorithm, &by_secret));
    for (algorithm, own) in ways.into_iter().chain([("ES256", &by_key)]) {
        let mut input = own.clone();
        input["issuer"] = json!(service.url());
        input["algorithm"] = json!(algorithm);
        let told = OPENID_CLIENT_DPOP.run(&input);
        assert!(told["algorithms"].as_array().expect("a list").contains(&json!(algorithm)), "{told}");
        for token in [&told["token"], &told["again"]] {
            assert!(text(&token["token_type"]).eq_ignore_ascii_case("dpop"), "{told}");
        }
        assert_eq!(told["introspected"]["token_type"], "DPoP");
        assert_eq!(told["introspected"]["cnf"], json!({"jkt": told["thumbprint"]}));
        for used in ["used", "used_again"] {
            assert_eq!(told[used]["name"], "exporter", "{algorithm}: {told}");
        }
        assert_eq!(told["by_another_key"], "dpop", "{told}");
        let stolen = text(&told["token"]["access_token"]);
        service.gateway().verify(&stolen).is_refused("proof_missing");
    }
}

#[test]
fn authlib_takes_a_token_asks_about_it_and_gives_it_back() {
    goes_the_whole_way(AUTHLIB, ["invalid_client"; 3]);
}

/// `refused` is what the library makes of a 401, by the way that it showed itself in.
fn goes_the_whole_way(library: Program, refused: [&str; 3]) {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let scopes = json!(["reports:read", "reports:write"]);
    let with_secret = tenant.client_with(json!({"name": "exporter", "scopes": scopes}));
    let (signer, stranger) = (Signer::new("2026-11"), Signer::new("2026-11"));
    let mut registration = signer.registration("signs");
    registration["scopes"] = scopes;
    let keyed = tenant.client_with(registration);
    let secret = with_secret.secret.as_str();
    let guess = format!("{}AAAAAA", &secret[..secret.len() - 6]);
    let (own_key, other_key) = (signer.pkcs8(), stranger.pkcs8());
    let ways = [
        ("client_secret_basic", &with_secret, secret, &guess),
        ("client_secret_post", &with_secret, secret, &guess),
        ("private_key_jwt", &keyed, &own_key, &other_key),
    ];
    for ((method, client, own, wrong), refused) in ways.into_iter().zip(refused) {
        let id = &client.minted["client_id"];
        let told = library.run(&json!({
            "issuer": service.url(),
            "method": method,
            "client_id": id,
            "own": own,
            "wrong": wrong,
            "kid": "2026-11",
            "scope": "reports:read",
            "beyond": "reports:delete",
        }));
        goes_well(&service, id, method, &told);
        assert_eq!(told["wrong"], refused, "{method}");
    }
}

fn goes_well(service: &Service, id: &Value, method: &str, told: &Value) {
    let listed = told["methods"].as_array().expect("a list");
    assert!(listed.contains(&json!(method)), "{told}");

    let token = &told["token"];
    assert!(text(&token["token_type"]).eq_ignore_ascii_case("bearer"), "{told}");
    assert_eq!((&token["expires_in"], &token["scope"]), (&json!(3600), &json!("reports:read")));
    assert_eq!(told["before"]["active"], true, "{told}");
    assert_eq!((&told["before"]["client_id"], &told["before"]["scope"]), (id, &token["scope"]));
    assert_eq!(told["before"]["iss"], service.url());
    assert_eq!(told["after"], json!({"active": false}));
    service.gateway().verify(&text(&token["access_token"])).is_refused("revoked");
    assert_eq!(told["beyond_its_scopes"], "invalid_scope");
}
