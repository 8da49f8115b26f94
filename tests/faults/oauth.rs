//! Tokens while the database is away: nothing is told that is not so.

use serde_json::json;

use crate::cut_off::CutOff;
use crate::support::client::{Request, Response};
use crate::support::service::{Key, Service, eventually, text};

fn ask(service: &Service, client: &Key<'_>, endpoint: &str, fields: &str) -> Response {
    let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
    let body = format!("client_id={id}&client_secret={secret}&{fields}");
    let request = Request::new("POST", &format!("/api/v1/oauth/{endpoint}"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    service.anonymous().send(&request.body(body.into_bytes()))
}

/// It may be otherwise soon, and nothing of it is to be believed until then.
#[track_caller]
fn is_unavailable(answer: &Response) {
    assert_eq!(answer.expect(503)["error"], "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some_and(|text| text.parse::<u64>().is_ok()));
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
}

#[test]
fn p3_a_token_is_told_to_be_given_back_only_once_that_is_durable_and_without_a_lease_nothing_is_told() {
    const GRANT: &str = "grant_type=client_credentials";
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = root.tenant("away", json!({})).client("c");
    let take = || ask(&service, &client, "token", GRANT);
    let [token, other] = [(); 2].map(|()| text(&take().expect(200)["access_token"]));
    let about = format!("token={token}");
    proxy.refuse();
    is_unavailable(&ask(&service, &client, "revoke", &about));
    eventually(|| (take().status == 503).then_some(())).expect("the lease's end");
    is_unavailable(&take());
    is_unavailable(&ask(&service, &client, "introspect", &about));
    is_unavailable(&ask(&service, &client, "revoke", "token=unknown"));
    for token in [&token, &other] {
        service.whoami(token).problem(503, "unavailable");
    }
    // Who is asked for a list knows no more than who is asked for a verdict.
    let list = || gateway.get("/api/v1/revocations");
    list().problem(503, "unavailable");
    proxy.heal();
    eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
        .expect("the database is back");
    gateway.verify(&other).is_accepted();
    // Sent again, as it was told.
    let given_back = || (ask(&service, &client, "revoke", &about).status == 200).then_some(());
    eventually(given_back).expect("it is given back");
    gateway.verify(&token).is_refused("revoked");
    assert_eq!(list().status, 200);
    gateway.verify(&other).is_accepted();
}
