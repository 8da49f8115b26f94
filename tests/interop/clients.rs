//! A client that knows the issuer and its own secret goes the whole way: discovery, a token, what it is worth, giving it back.

use serde_json::json;

use crate::programs::Program;
use crate::support::service::{Service, text};

const OPENID_CLIENT: Program = Program::Node(include_str!("libraries/openid_client.mjs"));
const AUTHLIB: Program = Program::Python(include_str!("libraries/authlib_client.py"));

#[test]
fn openid_client_takes_a_token_asks_about_it_and_gives_it_back() {
    goes_the_whole_way(OPENID_CLIENT, ["OAUTH_WWW_AUTHENTICATE_CHALLENGE", "invalid_client"]);
}

#[test]
fn authlib_takes_a_token_asks_about_it_and_gives_it_back() {
    goes_the_whole_way(AUTHLIB, ["invalid_client"; 2]);
}

/// `wrong_secret` is what the library makes of a 401, by the place that it showed its secret in.
fn goes_the_whole_way(library: Program, wrong_secret: [&str; 2]) {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "exporter", "scopes": ["reports:read", "reports:write"]}));
    let (id, gateway) = (&client.minted["client_id"], service.gateway());
    for (method, wrong_secret) in ["client_secret_basic", "client_secret_post"].into_iter().zip(wrong_secret)
    {
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
