//! OAuth for clients that speak for themselves, black box: each line of the RFCs that binds the service is a test here.

mod assertion;
mod assertion_refused;
mod audience;
mod checker;
mod credentials;
mod dpop;
mod exchange;
mod forged;
mod granted;
mod histories;
mod introspect;
mod metadata;
mod offline;
mod refused;
mod revoke;
mod rotation;
mod spent;
mod tokens;
mod traps;

use credledger::domain::base64url;
use serde_json::{Value, json};

use crate::acme;
use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Key, Service, Tenant, eventually, text};

const TOKEN: &str = "/api/v1/oauth/token";
const INTROSPECT: &str = "/api/v1/oauth/introspect";
const REVOKE: &str = "/api/v1/oauth/revoke";
const ALL: [&str; 3] = [TOKEN, INTROSPECT, REVOKE];
const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";

// ---- how a client shows itself ----

fn id_of(client: &Key<'_>) -> String {
    text(&client.minted["client_id"])
}

fn sent(path: &str, body: &str) -> Request {
    Request::new("POST", path).header("Content-Type", FORM).body(body.as_bytes().to_vec())
}

fn by_body(path: &str, id: &str, secret: &str, fields: &str) -> Request {
    sent(path, &format!("client_id={id}&client_secret={secret}&{fields}"))
}

fn by_basic(path: &str, id: &str, secret: &str, fields: &str) -> Request {
    sent(path, fields).header("Authorization", &basic(&format!("{id}:{secret}")))
}

fn basic(both: &str) -> String {
    format!("Basic {}", base64(both.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    let text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

/// By its body, from wherever the test runs.
#[track_caller]
fn asks(service: &Service, path: &str, client: &Key<'_>, fields: &str) -> Response {
    service.anonymous().send(&by_body(path, &id_of(client), &client.secret, fields))
}

#[track_caller]
fn exchange(service: &Service, client: &Key<'_>, fields: &str) -> Response {
    asks(service, TOKEN, client, &format!("{GRANT}&{fields}"))
}

#[track_caller]
fn token(service: &Service, client: &Key<'_>) -> String {
    text(&exchange(service, client, "").expect(200)["access_token"])
}

/// The exchange, whatever comes of it.
pub fn exchanged(service: &Service, client: &Key<'_>) -> Response {
    exchange(service, client, "")
}

pub fn give_back(service: &Service, client: &Key<'_>, token: &str) -> Response {
    asks(service, REVOKE, client, &format!("token={token}"))
}

/// What an operator is told of a text.
#[track_caller]
fn introspected(operator: &Actor, token: &str) -> Value {
    let asked = sent(INTROSPECT, &format!("token={token}"));
    operator.send(&asked.bearer(operator.token.as_deref().expect("a token"))).expect(200)
}

// ---- what is answered ----

/// An error of RFC 6749, 5.2, that nobody on the way keeps.
#[track_caller]
fn is_error(answer: &Response, status: u16, error: &str) -> String {
    let told = answer.expect(status);
    assert_eq!(told["error"], error, "{told}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    is_never_kept(answer);
    let description = text(&told["error_description"]);
    let plain = |letter: char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\');
    assert!(!description.is_empty() && description.chars().all(plain), "{description:?}");
    assert_eq!(told.as_object().map(serde_json::Map::len), Some(2), "{told}");
    description
}

/// No key may sign just now: whoever asked is told when to ask again.
#[track_caller]
pub fn is_not_to_be_had(answer: &Response) {
    is_error(answer, 503, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
}

#[track_caller]
pub fn is_inactive(operator: &Actor, token: &str) {
    assert_eq!(introspected(operator, token), json!({"active": false}));
}

/// With another secret than its own.
#[track_caller]
pub fn is_refused_client(service: &Service, client: &Key<'_>) {
    let wrong = by_body(TOKEN, &id_of(client), "cl_secret_wrong", GRANT);
    is_error(&service.anonymous().send(&wrong), 401, "invalid_client");
}

#[track_caller]
fn is_never_kept(answer: &Response) {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text());
    assert_eq!(answer.header("pragma"), Some("no-cache"), "{}", answer.text());
}

/// All of an answer that may not tell one case from another: status, headers and body, but for when and under which id.
fn seen(answer: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let own = |name: &str| !["date", "x-request-id"].contains(&name.to_lowercase().as_str());
    let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| own(name)).cloned().collect();
    // Their order tells nothing: it is another each time.
    headers.sort();
    (answer.status, headers, answer.body.clone())
}

/// A part of a token: 0 its header, 1 its claims.
#[track_caller]
pub fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("a part");
    serde_json::from_slice(&base64url::decode(part).expect("base64url")).expect("JSON")
}

// ---- what the tests need ----

/// A client that may read and write reports.
fn reporter<'a>(tenant: &Tenant<'a>) -> Key<'a> {
    tenant.client_with(json!({"name": "reporter", "scopes": ["reports:read", "reports:write"]}))
}

#[track_caller]
fn act(admin: &Actor, path: &str) -> Value {
    admin.post(path, &json!({})).expect(200)
}

fn in_seconds(seconds: u32) -> Value {
    let now = credledger::clock::Timestamp::from_millis(crate::matrix::since_1970()).expect("an instant");
    json!(now.plus_seconds(seconds))
}

/// Waits until its end has come, and has been told.
#[track_caller]
fn has_ended(client: &Key<'_>) {
    let told = || client.told().last().is_some_and(|last| last == "oauth_client.expired").then_some(());
    eventually(told).expect("its end");
}

#[test]
fn a_client_is_given_a_token_that_works_until_it_gives_it_back() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let answer = exchange(&service, &client, "scope=reports:read").expect(200);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "reports:read");
    let token = text(&answer["access_token"]);

    let whoami = service.whoami(&token).expect(200);
    assert_eq!(whoami["kind"], "oauth_client");
    assert_eq!((&whoami["client_id"], &whoami["name"]), (&client.minted["client_id"], &json!("reporter")));
    assert_eq!(
        (&whoami["scopes"], &whoami["effective_scopes"]),
        (&json!(["reports:read"]), &json!(["reports:read"]))
    );
    let gateway = service.gateway();
    let narrow = gateway.verify_as(json!({"credential": token, "scopes": ["reports:write"]}));
    narrow.is_refused("insufficient_scope");

    let told = introspected(&gateway, &token);
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("reports:read")));
    assert_eq!(told["sub"], client.minted["client_id"]);

    asks(&service, REVOKE, &client, &format!("token={token}")).expect(200);
    assert_eq!(introspected(&gateway, &token), json!({"active": false}));
    gateway.verify(&token).is_refused("revoked");
}
