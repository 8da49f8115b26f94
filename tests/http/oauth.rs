//! A client's whole way: its secret for a token, the token for calls, the token given back.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::{Request, Response};
use crate::support::service::{Key, Service, text};

const TOKEN: &str = "/api/v1/oauth/token";
const INTROSPECT: &str = "/api/v1/oauth/introspect";
const REVOKE: &str = "/api/v1/oauth/revoke";

fn form(service: &Service, path: &str, client: &Key<'_>, fields: &str) -> Response {
    let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
    let body = format!("client_id={id}&client_secret={secret}&{fields}");
    post(service, path, &body)
}

fn post(service: &Service, path: &str, body: &str) -> Response {
    let request = Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    service.anonymous().send(&request.body(body.as_bytes().to_vec()))
}

fn token(service: &Service, client: &Key<'_>) -> String {
    let answer = form(service, TOKEN, client, "grant_type=client_credentials").expect(200);
    text(&answer["access_token"])
}

fn introspected(service: &Service, token: &str) -> Value {
    let request =
        Request::new("POST", INTROSPECT).header("Content-Type", "application/x-www-form-urlencoded");
    let gateway = service.gateway().token.expect("a token");
    let request = request.bearer(&gateway).body(format!("token={token}").into_bytes());
    service.anonymous().send(&request).expect(200)
}

#[test]
fn a_client_is_given_a_token_that_works_until_it_gives_it_back() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client_with(json!({"name": "exporter", "scopes": ["reports:read", "reports:write"]}));
    let answer =
        form(&service, TOKEN, &client, "grant_type=client_credentials&scope=reports:read").expect(200);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "reports:read");
    assert_eq!(answer.get("refresh_token"), None);
    let token = text(&answer["access_token"]);

    let whoami = service.whoami(&token).expect(200);
    assert_eq!(whoami["kind"], "oauth_client");
    assert_eq!((&whoami["client_id"], &whoami["name"]), (&client.minted["client_id"], &json!("exporter")));
    assert_eq!(
        (&whoami["scopes"], &whoami["effective_scopes"]),
        (&json!(["reports:read"]), &json!(["reports:read"]))
    );
    let gateway = service.gateway();
    let narrow = gateway.verify_as(json!({"credential": token, "scopes": ["reports:write"]}));
    narrow.is_refused("insufficient_scope");

    let told = introspected(&service, &token);
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("reports:read")));
    assert_eq!(told["sub"], client.minted["client_id"]);

    let back = form(&service, REVOKE, &client, &format!("token={token}"));
    back.expect(200);
    assert_eq!(introspected(&service, &token), json!({"active": false}));
    gateway.verify(&token).is_refused("revoked");
}

#[test]
fn whatever_a_token_was_given_by_takes_it_along() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let gateway = service.gateway();
    let client = tenant.client("exporter");
    let first = token(&service, &client);
    root.post(&format!("{}/tokens/revoke", client.path), &json!({})).expect(200);
    gateway.verify(&first).is_refused("revoked");
    let second = token(&service, &client);
    gateway.verify(&second).is_accepted();
    root.post(&format!("{}/suspend", client.path), &json!({})).expect(200);
    gateway.verify(&second).is_refused("suspended");
    root.post(&format!("{}/resume", client.path), &json!({})).expect(200);
    gateway.verify(&second).is_accepted();
    client.revoke("leaked");
    gateway.verify(&second).is_refused("revoked");
    let refused = form(&service, TOKEN, &client, "grant_type=client_credentials");
    assert_eq!(refused.expect(401)["error"], "invalid_client");
}
