//! Rate limits: a client has one bucket, whatever it does with its secret and its tokens.

use serde_json::{Value, json};

use super::{INTROSPECT, REVOKE, asks, exchange, introspected, is_error, token};
use crate::acme;
use crate::support::service::{Key, Service, Tenant};

fn limited<'a>(tenant: &Tenant<'a>, requests: u64) -> Key<'a> {
    let limit = json!({"requests": requests, "per_seconds": 86_400});
    tenant.client_with(json!({"name": "limited", "rate_limit": limit}))
}

fn left(verdict: &Value) -> u64 {
    verdict["rate_limit"]["remaining"].as_u64().expect("a number")
}

#[test]
fn one_exchange_too_many_is_told_when_to_come_again() {
    let service = Service::start();
    let root = service.root();
    let client = limited(&acme(&root), 2);
    for expected in [1, 0] {
        let answer = exchange(&service, &client, "");
        answer.expect(200);
        let field = answer.header("ratelimit").expect("a limit");
        assert!(field.starts_with(&format!("\"credential\";r={expected};t=")), "{field}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"credential\";q=2;w=86400"));
    }
    let spent = exchange(&service, &client, "");
    is_error(&spent, 429, "temporarily_unavailable");
    let seconds = spent.header("retry-after").and_then(|text| text.parse::<u64>().ok()).expect("seconds");
    assert!((39_600..=43_200).contains(&seconds), "{seconds}");
    assert_eq!(spent.header("ratelimit"), Some(&*format!("\"credential\";r=0;t={seconds}")));
    // Whoever only guesses its secret is told nothing of that.
    let guess = super::by_basic(super::TOKEN, &super::id_of(&client), "guessed", super::GRANT);
    is_error(&service.anonymous().send(&guess), 401, "invalid_client");
}

#[test]
fn the_exchange_and_every_door_for_tokens_draw_on_one_bucket() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = limited(&acme(&root), 6);
    let (first, second) = (token(&service, &client), token(&service, &client));
    assert_eq!(left(gateway.verify(&first).is_accepted()), 3);
    assert_eq!(left(&service.whoami(&second).expect(200)), 2);
    assert_eq!(service.actor(&first).get("/api/v1/authorize").status, 200);
    // To ask about a token is no use of it, and neither is to give one back.
    assert_eq!(introspected(&gateway, &first)["active"], true);
    let about = asks(&service, INTROSPECT, &client, &format!("token={second}"));
    assert_eq!(about.expect(200)["active"], true);
    assert_eq!(left(gateway.verify(&second).is_accepted()), 0);
    gateway.verify(&first).is_refused("rate_limited");
    is_error(&exchange(&service, &client, ""), 429, "temporarily_unavailable");
    service.whoami(&second).problem(429, "rate_limited");
    let authorize = service.actor(&second).get("/api/v1/authorize");
    authorize.problem(429, "rate_limited");
    assert_eq!(authorize.header("x-credential-refusal"), Some("rate_limited"));
    assert_eq!(introspected(&gateway, &first)["active"], true);
    asks(&service, REVOKE, &client, &format!("token={first}")).expect(200);
    gateway.verify(&first).is_refused("revoked");
    service.actor(&second).post("/api/v1/self/revoke", &json!({})).expect(200);
    gateway.verify(&second).is_refused("revoked");
}

#[test]
fn a_client_that_gives_back_too_often_is_told_to_wait_and_its_tokens_end_all_at_once_even_so() {
    const PATIENCE: usize = 20_000;
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (client, beside) = (tenant.client("c"), tenant.client("beside"));
    let [given_back, other, of_beside] = [&client, &client, &beside].map(|own| token(&service, own));
    let anyone = service.anonymous();
    let fields = format!("token={given_back}");
    let request = super::by_body(REVOKE, &super::id_of(&client), &client.secret, &fields);
    let mut answers = (0..PATIENCE).map(|_| anyone.send(&request)).enumerate();
    let (before, told) = answers.find(|(_, answer)| answer.status != 200).expect("an end of the patience");
    assert!(before >= 600, "only {before} were taken");
    is_error(&told, 429, "temporarily_unavailable");
    assert_eq!(told.header("retry-after"), Some("1"));
    assert_eq!(told.header("ratelimit"), Some("\"given_back\";r=0;t=1"));
    // It is told of what it did, and others go on; so does whatever writes nothing.
    asks(&service, REVOKE, &beside, &format!("token={of_beside}")).expect(200);
    asks(&service, REVOKE, &client, "token=unknown").expect(200);
    gateway.verify(&other).is_accepted();
    super::act(&root, &format!("{}/tokens/revoke", client.path));
    gateway.verify(&other).is_refused("revoked");
}
