//! A client that knows the issuer and its own secret goes the whole way: discovery, a token, what it is worth, giving it back.

use serde_json::json;

use crate::programs::Program;
use crate::support::service::{Service, text};

const OPENID_CLIENT: Program = Program::Node(include_str!("libraries/openid_client.mjs"));
const OPENID_CLIENT_DPOP: Program = Program::Node(include_str!("libraries/openid_client_dpop.mjs"));
const AUTHLIB: Program = Program::Python(include_str!("libraries/authlib_client.py"));

#[test]
fn openid_client_takes_a_token_asks_about_it_and_gives_it_back() {
    goes_the_whole_way(OPENID_CLIENT, "OAUTH_WWW_AUTHENTICATE_CHALLENGE");
}

/// It learns the nonce by being refused, and goes on by itself.
#[test]
fn openid_client_takes_a_token_that_is_bound_to_its_key_and_uses_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "exporter", "dpop_bound_access_tokens": true}));
    for algorithm in ["ES256", "Ed25519", "PS256", "RS256", "ES384"] {
        let told = OPENID_CLIENT_DPOP.run(&json!({
            "issuer": service.url(),
            "client_id": client.minted["client_id"],
            "client_secret": client.secret,
            "algorithm": algorithm,
        }));
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
    goes_the_whole_way(AUTHLIB, "invalid_client");
}

/// `wrong_secret` is what the library makes of a 401.
fn goes_the_whole_way(library: Program, wrong_secret: &str) {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "exporter", "scopes": ["reports:read", "reports:write"]}));
    let (id, gateway) = (&client.minted["client_id"], service.gateway());
    for method in ["client_secret_basic", "client_secret_post"] {
        let told = library.run(&json!({
            "issuer": service.url(),
            "method": method,
            "client_id": id,
            "client_secret": client.secret,
            "scope": "reports:read",
            "beyond": "reports:delete",
        }));
        let listed = told["methods"].as_array().expect("a list");
        assert!(listed.contains(&json!(method)), "{told}");

        let token = &told["token"];
        assert!(text(&token["token_type"]).eq_ignore_ascii_case("bearer"), "{told}");
        assert_eq!((&token["expires_in"], &token["scope"]), (&json!(3600), &json!("reports:read")));
        assert_eq!(told["before"]["active"], true, "{told}");
        assert_eq!((&told["before"]["client_id"], &told["before"]["scope"]), (id, &token["scope"]));
        assert_eq!(told["before"]["iss"], service.url());
        assert_eq!(told["after"], json!({"active": false}));
        gateway.verify(&text(&token["access_token"])).is_refused("revoked");

        assert_eq!(told["wrong_secret"], wrong_secret);
        assert_eq!(told["beyond_its_scopes"], "invalid_scope");
    }
}
