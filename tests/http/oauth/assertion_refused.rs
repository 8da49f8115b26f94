//! Assertions that let nobody in: each trap of RFC 7523, RFC 8725 and their practice is answered as a wrong secret is, to the byte.

use std::thread;

use credledger::domain::base64url;
use serde_json::{Value, json};

use super::assertion::{exchange, keyed, with};
use super::{ALL, GRANT, TOKEN, act, by_body, has_ended, id_of, in_seconds, is_error, reporter, seen, sent};
use crate::acme;
use crate::support::assertions::{Signer, TYPE, by_assertion, claims, seconds_since_1970};
use crate::support::client::Request;
use crate::support::service::{Actor, Service, Tenant};

/// When an assertion of now ends.
pub fn soon() -> u64 {
    seconds_since_1970() + 60
}

struct World<'a> {
    service: &'a Service,
    anyone: Actor,
    signer: Signer,
    id: String,
}

impl<'a> World<'a> {
    fn of(service: &'a Service, tenant: &Tenant<'_>) -> Self {
        let signer = Signer::new("one");
        let id = id_of(&keyed(tenant, &signer));
        World { service, anyone: service.anonymous(), signer, id }
    }

    fn claims(&self, change: Value) -> Value {
        with(claims(&self.id, &self.service.url()), &change)
    }

    fn saying(&self, change: Value) -> String {
        self.signer.signed(&self.signer.header(), &self.claims(change))
    }

    fn under(&self, change: Value) -> String {
        self.signer.signed(&with(self.signer.header(), &change), &self.claims(json!({})))
    }

    /// What anybody is told who shows a secret that is none, in the body as an assertion is.
    fn wrong(&self, path: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
        seen(&self.anyone.send(&by_body(path, "cl_client_nobody", "wrong", &format!("{GRANT}&token=x"))))
    }

    #[track_caller]
    fn is_refused(&self, assertion: &str) {
        let request = by_assertion(TOKEN, assertion, GRANT);
        assert_eq!(seen(&self.anyone.send(&request)), self.wrong(TOKEN), "{assertion}");
    }
}

#[test]
fn whatever_is_wrong_with_an_assertion_the_answer_is_the_same_to_the_byte() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let world = World::of(&service, &tenant);
    let (url, now) = (service.url(), seconds_since_1970());
    let other = Signer::new("one");
    let others = id_of(&keyed(&tenant, &other));
    for change in [
        json!({"aud": format!("{url}{TOKEN}")}),
        json!({"aud": format!("{url}/")}),
        json!({"aud": [url, "https://other.example"]}),
        json!({"aud": "https://other.example"}),
        json!({"aud": null}),
        json!({"exp": now - 31}),
        json!({"exp": now + 400}),
        json!({"exp": (now + 60).to_string()}),
        json!({"exp": null}),
        json!({"nbf": now + 100}),
        json!({"iat": now + 100}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": 7}),
        json!({"jti": "j".repeat(256)}),
        json!({"iss": others}),
        json!({"sub": others}),
        json!({"sub": others, "iss": others}),
        json!({"sub": "cl_client_nobody", "iss": "cl_client_nobody"}),
        json!({"sub": "", "iss": ""}),
        json!({"x": "x".repeat(8192)}),
    ] {
        world.is_refused(&world.saying(change));
    }
    for change in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "ES384"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "dpop+jwt"}),
        json!({"kid": "other"}),
        json!({"kid": "../../etc/passwd"}),
        json!({"kid": "one' OR '1'='1"}),
        json!({"crit": ["exp"]}),
    ] {
        world.is_refused(&world.under(change));
    }
    // Another client's key, its own key brought along, and a key that everybody has.
    let theirs = |header: Value| other.signed(&with(other.header(), &header), &world.claims(json!({})));
    for header in [json!({}), json!({"jwk": other.jwk()}), json!({"kid": null, "jwk": other.jwk()})] {
        world.is_refused(&theirs(header));
    }
    let good = world.saying(json!({}));
    for torn in [&good[1..], &good[..good.len() - 2], "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        world.is_refused(torn);
    }
    exchange(&service, &world.signer, &world.id).expect(200);
}

#[test]
fn a_signature_of_nobody_and_a_secret_that_everybody_has_prove_nothing() {
    let service = Service::start();
    let root = service.root();
    let world = World::of(&service, &acme(&root));
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    for alg in ["none", "None", "HS256"] {
        let unsigned = format!("{}.{}", part(&json!({"alg": alg})), part(&world.claims(json!({}))));
        world.is_refused(&format!("{unsigned}."));
        let mac = hmac(world.signer.jwk().to_string().as_bytes(), unsigned.as_bytes());
        world.is_refused(&format!("{unsigned}.{}", base64url::encode(&mac)));
    }
    let header = world.signer.header().to_string();
    let claims = world.claims(json!({})).to_string();
    for twice in [r#"{"sub":"x","#, r#"{"exp":9999999999,"#, r#"{"x":{"y":1,"y":2},"#] {
        world.is_refused(&world.signer.signed_text(&header, &claims.replacen('{', twice, 1)));
    }
    let deep = format!(r#"{{"x":{}{},"#, "[".repeat(2000), "]".repeat(2000));
    world.is_refused(&world.signer.signed_text(&header, &claims.replacen('{', &deep, 1)));
    let twice = header.replacen('{', r#"{"alg":"none","#, 1);
    world.is_refused(&world.signer.signed_text(&twice, &claims));
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    ring::hmac::sign(&key, text).as_ref().to_vec()
}

#[test]
fn a_client_that_may_not_be_used_now_is_answered_as_one_that_is_unknown() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let make = |change: Value| {
        let signer = Signer::new("one");
        (tenant.client_with(with(signer.registration("c"), &change)), signer)
    };
    let (suspended, by_suspended) = make(json!({}));
    let (revoked, by_revoked) = make(json!({}));
    let (elsewhere, by_elsewhere) = make(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let (expired, by_expired) = make(json!({"expires_at": in_seconds(2)}));
    exchange(&service, &by_suspended, &id_of(&suspended)).expect(200);
    act(&root, &format!("{}/suspend", suspended.path));
    revoked.revoke("other");
    has_ended(&expired);
    let anyone = service.anonymous();
    let wrong = seen(&anyone.send(&by_body(TOKEN, "cl_client_nobody", "wrong", GRANT)));
    let all = [
        (&suspended, &by_suspended),
        (&revoked, &by_revoked),
        (&elsewhere, &by_elsewhere),
        (&expired, &by_expired),
    ];
    for (client, signer) in all {
        assert_eq!(seen(&exchange(&service, signer, &id_of(client))), wrong);
    }
    act(&root, &format!("{}/resume", suspended.path));
    exchange(&service, &by_suspended, &id_of(&suspended)).expect(200);
    let assertion = by_elsewhere.assertion(&id_of(&elsewhere), &service.url());
    let admitted = by_assertion(TOKEN, &assertion, GRANT).header("X-Forwarded-For", "192.0.2.7");
    anyone.send(&admitted).expect(200);
    act(&root, &format!("{}/suspend", tenant.path()));
    assert_eq!(seen(&exchange(&service, &by_suspended, &id_of(&suspended))), wrong);
}

#[test]
fn a_client_that_has_a_secret_gets_in_by_no_assertion() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let world = World::of(&service, &tenant);
    let id = id_of(&reporter(&tenant));
    world.is_refused(&world.signer.assertion(&id, &service.url()));
    world.is_refused(&world.saying(json!({"iss": id, "sub": id})));
}

#[test]
fn an_assertion_stands_alone_and_says_what_it_is() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let world = World::of(&service, &tenant);
    let other = reporter(&tenant);
    let fresh = || world.saying(json!({}));
    for path in ALL {
        let fields = format!("{GRANT}&token=x");
        let whole = |text: &str| by_assertion(path, text, &fields);
        let basic = super::basic(&format!("{}:{}", id_of(&other), other.secret));
        for more_than_one in [
            whole(&fresh()).header("Authorization", &basic),
            whole(&fresh()).bearer("x"),
            whole(&fresh()).bearer(root.token.as_deref().expect("a token")),
            by_assertion(path, &fresh(), &format!("{fields}&client_secret={}", other.secret)),
            by_assertion(path, &fresh(), &format!("{fields}&client_assertion={}", fresh())),
            by_assertion(path, &fresh(), &format!("{fields}&client_assertion_type={TYPE}")),
            sent(path, &format!("client_assertion={}&{fields}", fresh())),
            sent(path, &format!("client_assertion_type={TYPE}&{fields}")),
        ] {
            is_error(&world.anyone.send(&more_than_one), 400, "invalid_request");
        }
        let wrong = world.wrong(path);
        let of_type = |kind: &str| {
            sent(path, &format!("client_assertion_type={kind}&client_assertion={}&{fields}", fresh()))
        };
        for refused in [
            of_type("urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
            of_type("urn:ietf:params:oauth:grant-type:jwt-bearer"),
            of_type(&TYPE.to_uppercase()),
            by_assertion(path, &fresh(), &format!("{fields}&client_id={}", id_of(&other))),
            whole(&format!("{}+{}", fresh(), fresh())),
        ] {
            assert_eq!(seen(&world.anyone.send(&refused)), wrong, "{path}");
        }
        world.anyone.send(&whole(&fresh())).expect(200);
    }
}

// ---- once ----

#[test]
fn an_assertion_is_taken_once_wherever_it_is_shown() {
    let service = Service::start();
    let root = service.root();
    let world = World::of(&service, &acme(&root));
    let fields = format!("{GRANT}&token=x");
    for first in ALL {
        let assertion = world.saying(json!({}));
        world.anyone.send(&by_assertion(first, &assertion, &fields)).expect(200);
        for again in ALL {
            let answer = world.anyone.send(&by_assertion(again, &assertion, &fields));
            assert_eq!(seen(&answer), world.wrong(again), "{first} {again}");
        }
        // Its name is spent, whatever else is said under it.
        let jti = super::part(&assertion, 1)["jti"].clone();
        world.is_refused(&world.saying(json!({"jti": jti, "exp": soon() + 5})));
    }
}

#[test]
fn two_clients_may_use_the_same_name() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for world in [World::of(&service, &tenant), World::of(&service, &tenant)] {
        let assertion = world.saying(json!({"jti": "1"}));
        world.anyone.send(&by_assertion(TOKEN, &assertion, GRANT)).expect(200);
        world.is_refused(&assertion);
    }
}

#[test]
fn of_many_who_show_it_at_the_same_moment_one_is_let_in() {
    let service = Service::start();
    let root = service.root();
    let world = World::of(&service, &acme(&root));
    for _ in 0..5 {
        let request = by_assertion(TOKEN, &world.saying(json!({})), GRANT);
        let answers: Vec<u16> = thread::scope(|scope| {
            let shows = || service.anonymous().send(&request).status;
            let all: Vec<_> = (0..16).map(|_| scope.spawn(shows)).collect();
            all.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let told = |status: u16| answers.iter().filter(|own| **own == status).count();
        assert_eq!((told(200), told(401)), (1, 15), "{answers:?}");
    }
}

#[test]
fn what_is_refused_spends_neither_the_name_nor_the_clients_rate_limit() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let signer = Signer::new("one");
    let limit = json!({"rate_limit": {"requests": 1, "per_seconds": 86_400}});
    let client = tenant.client_with(with(signer.registration("c"), &limit));
    let (id, anyone) = (id_of(&client), service.anonymous());
    let stranger = Signer::new("one");
    for _ in 0..3 {
        is_error(&exchange(&service, &stranger, &id), 401, "invalid_client");
    }
    let overheard = by_assertion(TOKEN, &signer.assertion(&id, &service.url()), GRANT);
    client.edit(json!({"rate_limit": {"requests": 2, "per_seconds": 86_400}}));
    anyone.send(&overheard).expect(200);
    for _ in 0..10 {
        is_error(&anyone.send(&overheard), 401, "invalid_client");
    }
    exchange(&service, &signer, &id).expect(200);
    let waiting = by_assertion(TOKEN, &signer.assertion(&id, &service.url()), GRANT);
    let spent = anyone.send(&waiting);
    is_error(&spent, 429, "temporarily_unavailable");
    assert!(spent.header("retry-after").is_some());
    client.edit(json!({"rate_limit": "none"}));
    anyone.send(&waiting).expect(200);
    is_error(&anyone.send(&waiting), 401, "invalid_client");
}

#[test]
fn guesses_count_against_their_address_and_a_good_assertion_from_there_is_let_in() {
    let service = Service::start();
    let root = service.root();
    let world = World::of(&service, &acme(&root));
    let stranger = Signer::new("one");
    let from = |request: Request| world.anyone.send(&request.header("X-Forwarded-For", "203.0.113.9"));
    let guess = || {
        let assertion = stranger.assertion(&world.id, &service.url());
        from(by_assertion(TOKEN, &assertion, GRANT)).status
    };
    // They are given back slowly: as long as they come faster, it is over soon.
    let told_to_wait = (0..20_000).find(|_| guess() == 429).expect("it is told to wait");
    assert!(told_to_wait >= 100, "after {told_to_wait} guesses");
    is_error(&from(by_assertion(TOKEN, "a.b.c", GRANT)), 429, "temporarily_unavailable");
    from(by_assertion(TOKEN, &world.saying(json!({})), GRANT)).expect(200);
}
