//! Metadata (RFC 8414): where everything is, and that it is there.

use serde_json::json;

use super::{REVOKE, TOKEN, asks, exchange, introspected, reporter};
use crate::acme;
use crate::support::client::{Client, Request, Response};
use crate::support::service::{Service, text};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

fn get(service: &Service, path: &str) -> Response {
    Client::new(service.address()).send(&Request::new("GET", path))
}

#[test]
fn it_names_the_issuer_as_the_url_writes_it_and_what_is_under_it() {
    let service = Service::start();
    let (base, anyone) = (service.url(), service.anonymous());
    let answer = anyone.get(WELL_KNOWN);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let told = answer.expect(200);
    let by_client = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    let signed_by = json!(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]);
    assert_eq!(
        told,
        json!({
            "issuer": base,
            "token_endpoint": format!("{base}/api/v1/oauth/token"),
            "introspection_endpoint": format!("{base}/api/v1/oauth/introspect"),
            "revocation_endpoint": format!("{base}/api/v1/oauth/revoke"),
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "credledger_revocations_endpoint": format!("{base}/api/v1/revocations"),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "token_endpoint_auth_methods_supported": by_client,
            "revocation_endpoint_auth_methods_supported": by_client,
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "Bearer"],
            "token_endpoint_auth_signing_alg_values_supported": signed_by,
            "introspection_endpoint_auth_signing_alg_values_supported": signed_by,
            "revocation_endpoint_auth_signing_alg_values_supported": signed_by,
            "dpop_signing_alg_values_supported": ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
        })
    );
    // No claim without an element, and no address with a query or a fragment.
    for (name, value) in told.as_object().expect("members") {
        assert_ne!(value, &json!([]), "{name}");
        assert!(!value.to_string().contains(['?', '#']), "{name}");
    }
    assert_eq!(anyone.get(&format!("{WELL_KNOWN}?x=y")).expect(200), told);
    anyone.send(&Request::new("POST", WELL_KNOWN)).problem(405, "method_not_allowed");
    assert_eq!(get(&service, &format!("{WELL_KNOWN}/base")).status, 404);
}

#[test]
fn what_it_names_is_there() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let told = service.anonymous().get(WELL_KNOWN).expect(200);
    let path = |name: &str| text(&told[name]).strip_prefix(&service.url()).expect("its own").to_owned();
    assert_eq!(path("token_endpoint"), TOKEN);
    let token = text(&exchange(&service, &client, "").expect(200)["access_token"]);
    assert_eq!(super::part(&token, 1)["iss"], told["issuer"]);
    assert_eq!(introspected(&service.gateway(), &token)["iss"], told["issuer"]);
    let keys = service.anonymous().get(&path("jwks_uri")).expect(200);
    let kid = &super::part(&token, 0)["kid"];
    assert!(keys["keys"].as_array().into_iter().flatten().any(|key| key["kid"] == *kid), "{keys}");
    assert_eq!(path("revocation_endpoint"), REVOKE);
    assert_eq!(service.gateway().get(&path("credledger_revocations_endpoint")).status, 200);
    asks(&service, REVOKE, &client, &format!("token={token}")).expect(200);
}

#[test]
fn an_issuer_with_a_path_is_told_of_under_that_path() {
    for public in ["https://keys.example/base", "https://keys.example/a/b/"] {
        let service = Service::start_with(&["--public-url", public]);
        let issuer = public.trim_end_matches('/');
        let own = issuer.strip_prefix("https://keys.example").expect("a path");
        for path in [format!("{WELL_KNOWN}{own}"), WELL_KNOWN.to_owned()] {
            let told = get(&service, &path).expect(200);
            assert_eq!(
                (&told["issuer"], &told["token_endpoint"]),
                (&json!(issuer), &json!(format!("{issuer}/api/v1/oauth/token")))
            );
        }
        for other in ["/", "/other", "/base/x", "/Base", "/%62ase/"] {
            assert_eq!(get(&service, &format!("{WELL_KNOWN}{other}")).status, 404, "{other}");
        }
        let root = service.root();
        let client = acme(&root).client("c");
        let token = super::token(&service, &client);
        assert_eq!(super::part(&token, 1)["iss"], issuer);
        assert_eq!(introspected(&service.gateway(), &token)["aud"], issuer);
        service.whoami(&token).expect(200);
    }
}
