//! Limits on failed authentications, by the address that they come from; and on operators, by who they are.
//!
//! An address gets a request back every 0.6 s: guesses go on until they are told to wait, and what is asked after that never
//! depends on how long it took.

use serde_json::json;

use crate::acme;
use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Service, text};

const WHOAMI: &str = "/api/v1/whoami";
const TENANTS: &str = "/api/admin/v1/tenants";
const AUTHORIZE: &str = "/api/v1/authorize";
const ALLOWED: usize = 100;
/// As long as they come faster than they are given back, it is over long before.
const PATIENCE: usize = 20_000;

/// A text that no key of any tenant is; by its form it could be one.
const UNKNOWN: &str = "plain_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct World {
    service: Service,
    anyone: Actor,
}

impl World {
    fn new() -> World {
        let service = Service::start();
        let plain = json!({"key_format": {"prefix": "plain_", "checksum": "none"}});
        service.root().tenant("plain", plain);
        let anyone = service.anonymous();
        World { service, anyone }
    }

    fn from(&self, address: &str, path: &str, token: &str) -> Response {
        let method = if path.ends_with("/revoke") { "POST" } else { "GET" };
        self.anyone.send(&Request::new(method, path).bearer(token).header("X-Forwarded-For", address))
    }

    /// Guesses until it is told to wait; that answer.
    #[track_caller]
    fn flood(&self, path: &str, token: &str, address: impl Fn(usize) -> String) -> Response {
        for sent in 0..PATIENCE {
            let answer = self.from(&address(sent), path, token);
            if answer.status != 401 {
                assert!(sent >= ALLOWED, "only {sent} guesses were answered");
                return answer;
            }
        }
        panic!("{PATIENCE} guesses were answered");
    }

    #[track_caller]
    fn is_not_counted(&self, address: &str) {
        let reason = self.from(address, WHOAMI, UNKNOWN).problem(401, "unauthorized")["reason"].clone();
        assert_eq!(reason, "not_found", "{address} is told to wait");
    }

    fn told_to_wait(&self) -> u64 {
        let page = self.service.anonymous().get("/metrics").text();
        let line = page.lines().find_map(|line| {
            line.strip_prefix("credledger_rate_limited_total{limit=\"failed_authentication\"} ")
        });
        line.and_then(|count| count.parse().ok()).expect("a count")
    }
}

#[track_caller]
fn is_told_to_wait(answer: &Response) {
    assert_eq!(answer.problem(429, "rate_limited")["reason"], "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("ratelimit"), Some("\"failed_authentication\";r=0;t=1"));
    assert_eq!(answer.header("ratelimit-policy"), Some("\"failed_authentication\";q=100;w=60"));
    assert_eq!(answer.header("www-authenticate"), None);
}

#[test]
fn an_address_that_guesses_is_told_to_wait_and_nobody_with_a_credential_is() {
    let world = World::new();
    let root = world.service.root();
    let tenant = acme(&root);
    let (key, revoked) = (tenant.mint("k"), tenant.mint("revoked"));
    let limited =
        tenant.mint_with(json!({"name": "l", "rate_limit": {"requests": 1, "per_seconds": 86_400}}));
    revoked.revoke("leaked");
    let token = root.token.clone().expect("a token");
    for (path, guess) in [
        (WHOAMI, UNKNOWN),
        (WHOAMI, "no-key"),
        (TENANTS, UNKNOWN),
        (TENANTS, key.secret.as_str()),
        ("/api/v1/self/revoke", UNKNOWN),
        (AUTHORIZE, UNKNOWN),
    ] {
        let place = format!("192.0.2.{}", path.len() + guess.len());
        let answer = world.flood(path, guess, |_| place.clone());
        is_told_to_wait(&answer);
        assert_eq!(answer.header("x-credential-refusal"), (path == AUTHORIZE).then_some("rate_limited"));
        // What works goes on working from there, at every door, and what is dead says so.
        world.from(&place, WHOAMI, &key.secret).expect(200);
        assert_eq!(world.from(&place, AUTHORIZE, &key.secret).status, 200);
        world.from(&place, TENANTS, &token).expect(200);
        assert_eq!(
            world.from(&place, WHOAMI, &revoked.secret).problem(401, "unauthorized")["reason"],
            "revoked"
        );
        world.from(&place, &format!("{AUTHORIZE}?scope=a:b"), &key.secret).problem(403, "forbidden");
        // Another address has lost nothing.
        world.is_not_counted(&format!("198.51.100.{}", path.len() + guess.len()));
    }
    assert!(world.told_to_wait() >= 6);
    // A limit of the key's own is told as that.
    world.from("192.0.2.1", WHOAMI, &limited.secret).expect(200);
    let spent = world.from("192.0.2.1", WHOAMI, &limited.secret);
    assert!(spent.header("ratelimit").is_some_and(|field| field.starts_with("\"credential\";r=0;t=")));
}

#[test]
fn the_doors_count_together_and_a_proxy_may_have_it_as_403() {
    let world = World::new();
    let doors = [WHOAMI, TENANTS, AUTHORIZE];
    let mut sent = 0..PATIENCE;
    let limited = sent.find(|sent| world.from("192.0.2.1", doors[sent % 3], UNKNOWN).status == 429);
    let limited = limited.expect("it ends");
    assert!(limited >= ALLOWED, "only {limited} guesses were answered");
    let asks_403 = format!("{AUTHORIZE}?limited=403");
    let answer = world.flood(&asks_403, UNKNOWN, |_| "192.0.2.2".to_owned());
    assert_eq!(answer.problem(403, "forbidden")["reason"], "rate_limited");
    assert_eq!(
        (answer.header("x-credential-refusal"), answer.header("retry-after")),
        (Some("rate_limited"), Some("1"))
    );
}

#[test]
fn one_subscribers_addresses_of_ipv6_are_one_and_the_next_ones_are_another() {
    let world = World::new();
    is_told_to_wait(&world.flood(WHOAMI, UNKNOWN, |sent| format!("2001:db8:0:1::{sent:x}")));
    world.is_not_counted("2001:db8:0:2::1");
    is_told_to_wait(&world.flood(WHOAMI, UNKNOWN, |sent| match sent % 2 {
        0 => "203.0.113.9".to_owned(),
        _ => "::ffff:203.0.113.9".to_owned(),
    }));
    world.is_not_counted("203.0.113.10");
}

#[test]
fn what_is_dead_what_goes_too_far_what_is_missing_and_what_a_gateway_asks_is_never_counted() {
    let world = World::new();
    let (root, gateway) = (world.service.root(), world.service.gateway());
    let tenant = acme(&root);
    let (dead, rotated, narrow) = (tenant.mint("dead"), tenant.mint("rotated"), tenant.mint("narrow"));
    dead.revoke("leaked");
    rotated.rotate(json!({"grace_seconds": 0}));
    let operator = world.service.operator("auditor", &[]);
    let ended = operator.token.clone().expect("a token");
    let own = root.get("/api/admin/v1/operators?limit=500").expect(200)["data"].clone();
    let own =
        own.as_array().into_iter().flatten().find(|each| each["name"] == "auditor").expect("the auditor");
    root.delete(&format!("/api/admin/v1/operators/{}", text(&own["id"]))).expect(200);
    let over = format!("{AUTHORIZE}?scope=a:b");
    for _ in 0..2 * ALLOWED {
        for (address, secret) in [("192.0.2.1", &dead.secret), ("192.0.2.2", &rotated.secret)] {
            world.from(address, WHOAMI, secret).problem(401, "unauthorized");
        }
        world.from("192.0.2.7", TENANTS, &ended).problem(401, "unauthorized");
        world.from("192.0.2.3", &over, &narrow.secret).problem(403, "forbidden");
        let nothing = |path| Request::new("GET", path).header("X-Forwarded-For", "192.0.2.4");
        for path in [WHOAMI, TENANTS] {
            world.anyone.send(&nothing(path)).problem(401, "unauthorized");
        }
        let missing = world.anyone.send(&nothing(AUTHORIZE));
        assert_eq!((missing.status, missing.header("x-credential-refusal")), (401, Some("malformed")));
        let question = json!({"credential": UNKNOWN, "client_ip": "192.0.2.5"});
        let asked =
            gateway.request("POST", "/api/v1/verify").json(&question).header("X-Forwarded-For", "192.0.2.6");
        assert_eq!(gateway.send(&asked).expect(200)["reason"], "not_found");
    }
    (1..=7).for_each(|host| world.is_not_counted(&format!("192.0.2.{host}")));
    assert_eq!(world.told_to_wait(), 0);
}

#[test]
fn a_proxy_that_tells_no_client_has_nobody_counted() {
    let world = World::new();
    for _ in 0..2 * ALLOWED {
        let answer = world.anyone.send(&Request::new("GET", AUTHORIZE).bearer(UNKNOWN));
        answer.problem(401, "unauthorized");
    }
    assert_eq!(world.told_to_wait(), 0);
}

// ---- operators ----

#[track_caller]
fn is_too_often(answer: &Response) {
    assert_eq!(answer.problem(429, "rate_limited")["reason"], "rate_limited");
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok()).expect("seconds");
    // A fifth of a day, less what the test took.
    assert!((13_680..=17_280).contains(&seconds), "{seconds}");
    let field = format!("\"operator\";r=0;t={seconds}");
    assert_eq!(answer.header("ratelimit"), Some(field.as_str()));
    assert_eq!(answer.header("ratelimit-policy"), Some("\"operator\";q=5;w=86400"));
}

#[test]
fn an_operator_may_use_the_admin_api_so_often_and_verify_as_often_as_it_likes() {
    let service = Service::start_with(&["--operator-rate-limit", "5/86400"]);
    let (root, operators) = (service.root(), "/api/admin/v1/operators");
    let auditor = json!({"name": "auditor", "role": "auditor", "all_tenants": true});
    let auditor = text(&root.post(operators, &auditor).expect(201)["operator"]["id"]);
    let token =
        || text(&root.post(&format!("{operators}/{auditor}/tokens"), &json!({})).expect(201)["secret"]);
    let (one, other) = (service.actor(&token()), service.actor(&token()));
    // Root has two left of its five; what fails counts too, and so does what is not there.
    root.post(TENANTS, &json!({"nmae": 1})).problem(400, "invalid_request");
    root.get("/api/admin/v1/nowhere").problem(404, "not_found");
    is_too_often(&root.get(TENANTS));
    is_too_often(&root.post(TENANTS, &json!({"name": "late"})));
    for _ in 0..20 {
        root.verify("no-key").is_refused("malformed");
        root.post("/api/v1/verify/batch", &json!({"items": [{"credential": "no-key"}]})).expect(200);
    }
    // Another operator is another; its tokens are one.
    for actor in [&one, &other, &one, &other, &one] {
        actor.get(TENANTS).expect(200);
    }
    is_too_often(&one.get(TENANTS));
    is_too_often(&other.get(TENANTS));
    let page = service.anonymous().get("/metrics").text();
    assert!(page.contains("credledger_rate_limited_total{limit=\"operator\"} 4\n"), "{page}");
}
