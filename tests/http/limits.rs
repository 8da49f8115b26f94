//! Rate limits of credentials, as they are met. A request comes again only after hours: nothing here waits, or is in a hurry.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, Verdict};

const AUTHORIZE: &str = "/api/v1/authorize";
const WHOAMI: &str = "/api/v1/whoami";
const DAY: u64 = 86_400;

fn a_day(requests: u64) -> Value {
    json!({"requests": requests, "per_seconds": DAY})
}

fn limited<'a>(tenant: &Tenant<'a>, requests: u64) -> Key<'a> {
    tenant.mint_with(json!({"name": "limited", "scopes": ["a:b"], "rate_limit": a_day(requests)}))
}

/// What `RateLimit` says: how many are left, and for how many seconds that holds.
#[track_caller]
fn told(answer: &Response) -> (u64, u64) {
    let field = answer.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {}", answer.text()));
    let parts = field.strip_prefix("\"credential\";r=").and_then(|rest| rest.split_once(";t="));
    let (left, seconds) = parts.unwrap_or_else(|| panic!("{field}"));
    (left.parse().expect("a number"), seconds.parse().expect("a number"))
}

/// There is one again after this part of the day; a test takes less of it than an hour.
#[track_caller]
fn is_spent(answer: &Response, requests: u64) {
    let problem = answer.problem(429, "rate_limited");
    assert_eq!(problem["reason"], "rate_limited");
    let (left, seconds) = told(answer);
    let retry_after = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert_eq!((left, Some(seconds)), (0, retry_after));
    assert!((DAY / requests - 3600..=DAY / requests).contains(&seconds), "{seconds}");
    let policy = format!("\"credential\";q={requests};w={DAY}");
    assert_eq!(answer.header("ratelimit-policy"), Some(policy.as_str()));
}

#[track_caller]
fn left(verdict: &Verdict) -> u64 {
    verdict.is_accepted()["rate_limit"]["remaining"].as_u64().expect("a number")
}

fn spend(gateway: &Actor, key: &Key<'_>, calls: u64) {
    for _ in 0..calls {
        gateway.verify(&key.secret).is_accepted();
    }
    gateway.verify(&key.secret).is_refused("rate_limited");
}

#[test]
fn all_requests_of_a_period_may_come_at_once_and_one_more_is_429_and_says_for_how_long() {
    let service = Service::start();
    let root = service.root();
    let holder = service.actor(&limited(&acme(&root), 3).secret);
    for expected in [2, 1, 0] {
        let answer = holder.get(WHOAMI);
        let body = answer.expect(200);
        let (left, seconds) = told(&answer);
        assert_eq!(left, expected);
        assert_eq!(body["rate_limit"], json!({"limit": 3, "remaining": left, "reset_seconds": seconds}));
        let whole = (3 - left) * DAY / 3;
        assert!((whole - 3600..=whole).contains(&seconds), "{seconds}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"credential\";q=3;w=86400"));
    }
    is_spent(&holder.get(WHOAMI), 3);
    is_spent(&holder.get(WHOAMI), 3);
}

#[test]
fn a_gateway_sees_what_is_left_and_a_call_too_many_refused_with_whose_it_is() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = limited(&acme(&root), 3);
    let taken: Vec<u64> = (0..3).map(|_| left(&gateway.verify(&key.secret))).collect();
    assert_eq!(taken, [2, 1, 0]);
    let verdict = gateway.verify(&key.secret);
    let refused = verdict.is_refused("rate_limited");
    let limit = &refused["rate_limit"];
    assert_eq!((&limit["limit"], &limit["remaining"]), (&json!(3), &json!(0)));
    assert!((1..=DAY / 3).contains(&limit["reset_seconds"].as_u64().expect("a number")), "{limit}");
    assert_eq!((&refused["credential_id"], &refused["name"]), (&json!(key.id), &json!("limited")));
    assert_eq!(refused.get("scopes"), None, "a refusal does not say what the key may do");
}

#[test]
fn without_a_limit_none_is_told() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("free");
    assert_eq!(gateway.verify(&key.secret).is_accepted()["rate_limit"], Value::Null);
    for path in [WHOAMI, AUTHORIZE] {
        let answer = service.actor(&key.secret).get(path);
        assert_eq!(
            (answer.status, answer.header("ratelimit"), answer.header("ratelimit-policy")),
            (200, None, None)
        );
    }
}

#[test]
fn one_bucket_serves_every_door_and_both_secrets_of_a_rotation() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = limited(&acme(&root), 6);
    let (newest, _) = key.rotate(json!({}));
    let (old, new) = (service.actor(&key.secret), service.actor(&newest));
    assert_eq!(left(&gateway.verify(&key.secret)), 5);
    assert_eq!(left(&gateway.verify(&newest)), 4);
    for (holder, path, expected) in
        [(&old, WHOAMI, 3), (&new, WHOAMI, 2), (&old, AUTHORIZE, 1), (&new, AUTHORIZE, 0)]
    {
        let answer = holder.get(path);
        assert_eq!((answer.status, told(&answer).0), (200, expected));
    }
    for holder in [&old, &new] {
        is_spent(&holder.get(WHOAMI), 6);
        let answer = holder.get(AUTHORIZE);
        is_spent(&answer, 6);
        assert_eq!(answer.header("x-credential-refusal"), Some("rate_limited"));
    }
    gateway.verify(&newest).is_refused("rate_limited");
}

#[test]
fn a_proxy_that_can_pass_no_429_asks_for_403_and_gets_it_with_the_same_fields() {
    let service = Service::start();
    let root = service.root();
    let holder = service.actor(&limited(&acme(&root), 1).secret);
    let path = format!("{AUTHORIZE}?limited=403&scope=a:b");
    assert_eq!(told(&holder.get(&path)).0, 0);
    let answer = holder.get(&path);
    assert_eq!(answer.problem(403, "forbidden")["reason"], "rate_limited");
    assert_eq!(answer.header("x-credential-refusal"), Some("rate_limited"));
    assert_eq!(answer.header("retry-after"), Some(told(&answer).1.to_string().as_str()));
    is_spent(&holder.get(AUTHORIZE), 1);
    let unread = holder.get(&format!("{AUTHORIZE}?limited=500")).problem(403, "forbidden");
    assert_eq!(unread.get("reason"), None, "{unread}");
}

#[test]
fn a_refused_call_takes_nothing() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    root.tenant("other", json!({}));
    let key = tenant.mint_with(json!({
        "name": "fenced", "scopes": ["a:b"], "rate_limit": a_day(2), "ip_rules": {"deny": [{"cidr": "192.0.2.0/24"}]}
    }));
    let holder = service.actor(&key.secret);
    let from = |address: &str, path: &str| {
        holder.send(&holder.request("GET", path).header("X-Forwarded-For", address))
    };
    let ask = |more: Value| {
        let mut question = json!({"credential": key.secret, "client_ip": "198.51.100.1"});
        more.as_object().into_iter().flatten().for_each(|(name, value)| question[name] = value.clone());
        gateway.verify_as(question)
    };
    for _ in 0..3 {
        ask(json!({"scopes": ["a:c"]})).is_refused("insufficient_scope");
        ask(json!({"client_ip": "192.0.2.1"})).is_refused("ip_denied");
        ask(json!({"tenant": "other"})).is_refused("wrong_tenant");
        from("192.0.2.1", WHOAMI).problem(403, "forbidden");
        from("198.51.100.1", &format!("{AUTHORIZE}?scope=a:c")).problem(403, "forbidden");
    }
    assert_eq!(left(&ask(json!({}))), 1);
}

#[test]
fn each_item_of_a_batch_takes_one() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = limited(&acme(&root), 3);
    let item = json!({"credential": key.secret});
    let lacking = json!({"credential": key.secret, "scopes": ["x:y"]});
    let items =
        json!({"items": [&item, &lacking, &item, {"credential": "none"}, &item, &item, {"credential": 1}]});
    let answer = gateway.post("/api/v1/verify/batch", &items).expect(200);
    let told: Vec<(&Value, &Value)> = answer["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|told| (&told["reason"], &told["rate_limit"]["remaining"]))
        .collect();
    let (none, lacks) = (Value::Null, json!("insufficient_scope"));
    let (malformed, spent) = (json!("malformed"), json!("rate_limited"));
    let [zero, one, two] = [0, 1, 2].map(|number| json!(number));
    let expected = [
        (&none, &two),
        (&lacks, &none),
        (&none, &one),
        (&malformed, &none),
        (&none, &zero),
        (&spent, &zero),
        (&none, &none),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_key_that_does_not_work_says_why_and_not_that_it_was_asked_too_often() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = limited(&tenant, 1);
    spend(&gateway, &key, 1);
    let act = |path: &str| drop(root.post(path, &json!({})).expect(200));
    act(&format!("{}/suspend", tenant.path()));
    gateway.verify(&key.secret).is_refused("tenant_suspended");
    act(&format!("{}/resume", tenant.path()));
    act(&format!("{}/suspend", key.path));
    let verdict = gateway.verify(&key.secret);
    assert_eq!(verdict.is_refused("suspended").get("rate_limit"), None);
    act(&format!("{}/resume", key.path));
    gateway.verify(&key.secret).is_refused("rate_limited");
    key.revoke("leaked");
    gateway.verify(&key.secret).is_refused("revoked");
    service.whoami(&key.secret).problem(401, "unauthorized");
}

#[test]
fn whoever_ends_a_secret_is_never_told_to_wait() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = limited(&acme(&root), 1);
    let (newest, _) = key.rotate(json!({}));
    spend(&gateway, &key, 1);
    for secret in [&key.secret, &newest] {
        service.actor(secret).post("/api/v1/self/revoke", &json!({"reason": "leaked"})).expect(200);
        gateway.verify(secret).is_refused("revoked");
    }
}

#[test]
fn the_tenants_default_holds_at_once_for_whoever_says_nothing_and_for_nobody_else() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (silent, own) = (tenant.mint("silent"), limited(&tenant, 50));
    let free = tenant.mint_with(json!({"name": "free", "rate_limit": null}));
    let told = |key: &Key<'_>| gateway.verify(&key.secret).is_accepted()["rate_limit"]["limit"].clone();
    let configure = |limit: Value| {
        root.patch(&tenant.path(), &json!({"settings": {"default_rate_limit": limit}})).expect(200)
    };
    assert_eq!([told(&silent), told(&own), told(&free)], [json!(null), json!(50), json!(null)]);
    let changed = configure(a_day(2));
    assert_eq!(changed["tenant"]["settings"]["default_rate_limit"], a_day(2));
    assert_eq!([told(&silent), told(&own), told(&free)], [json!(2), json!(50), json!(null)]);
    assert_eq!(told(&tenant.mint("later")), json!(2));
    assert_eq!(left(&gateway.verify(&silent.secret)), 0);
    gateway.verify(&silent.secret).is_refused("rate_limited");
    // What is spent stays so, and comes again as fast as the new limit says: not in half a day, but in a second or at once.
    configure(a_day(86_400));
    let Verdict(next) = gateway.verify(&silent.secret);
    assert_eq!(next["rate_limit"]["limit"], 86_400);
    assert!(next["valid"] == true || next["rate_limit"]["reset_seconds"] == 1, "{next}");
    configure(json!(null));
    assert_eq!(told(&silent), json!(null));
    assert_eq!(root.get(&tenant.path()).expect(200)["settings"]["default_rate_limit"], json!(null));
}
