//! Tokens that are bound to a key (RFC 9449): how one is had, and that it is worth nothing without a proof.

use serde_json::{Value, json};

use super::{GRANT, TOKEN, by_body, exchange, id_of, introspected, is_error, part};
use crate::acme;
use crate::support::assertions::{Signer, by_assertion};
use crate::support::client::{Request, Response};
use crate::support::holder::Holder;
use crate::support::service::{Actor, Key, Service, Tenant, text};

const URL: &str = "https://api.example.com/orders";
const WHOAMI: &str = "/api/v1/whoami";
const AUTHORIZE: &str = "/api/v1/authorize";

fn bound<'a>(tenant: &Tenant<'a>) -> Key<'a> {
    tenant.client_with(json!({"name": "bound", "scopes": ["a:b"], "dpop_bound_access_tokens": true}))
}

fn asked_with(client: &Key<'_>, proofs: &[&str]) -> Request {
    let request = by_body(TOKEN, &id_of(client), &client.secret, GRANT);
    proofs.iter().fold(request, |request, proof| request.header("DPoP", proof))
}

/// As proofs have to name it.
fn endpoint(service: &Service) -> String {
    let metadata = service.anonymous().get("/.well-known/oauth-authorization-server");
    text(&metadata.expect(200)["token_endpoint"])
}

/// The one nonce of an answer.
#[track_caller]
fn nonce_of(answer: &Response) -> String {
    let nonces: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("dpop-nonce")).collect();
    assert_eq!(nonces.len(), 1, "{:?}", answer.headers);
    nonces[0].1.clone()
}

#[track_caller]
fn nonce(service: &Service, client: &Key<'_>, holder: &Holder) -> String {
    let first = holder.signed(&holder.header(), &holder.claims("POST", &endpoint(service)));
    let answer = service.anonymous().send(&asked_with(client, &[&first]));
    is_error(&answer, 400, "use_dpop_nonce");
    nonce_of(&answer)
}

fn asks(gateway: &Actor, token: &str, proof: &str) -> Value {
    let question = json!({"credential": token, "dpop": proof, "http_method": "GET", "http_uri": URL});
    gateway.post("/api/v1/verify", &question).expect(200)
}

fn with_scheme(method: &str, path: &str, token: &str, proofs: &[&str]) -> Request {
    let request = Request::new(method, path).header("Authorization", &format!("DPoP {token}"));
    proofs.iter().fold(request, |request, proof| request.header("DPoP", proof))
}

/// As a proxy asks about a request to [`URL`].
fn forwarded(request: Request, method: &str, path: &str) -> Request {
    let told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example.com")];
    let request = told.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.header("X-Forwarded-Method", method).header("X-Forwarded-Uri", path)
}

/// 401 with this reason, and with a challenge that says how such a token is shown.
#[track_caller]
fn is_challenged(answer: &Response, reason: &str, error: &str) {
    assert_eq!(answer.problem(401, "unauthorized")["reason"], reason, "{}", answer.text());
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let algorithms = "algs=\"RS256 PS256 ES256 ES384 EdDSA Ed25519\"";
    assert_eq!(challenge, format!("DPoP realm=\"credledger\", {algorithms}, error=\"{error}\""));
}

#[test]
fn a_bound_token_is_given_for_a_proof_that_repeats_the_nonce_and_for_nothing_less() {
    let service = Service::start();
    let root = service.root();
    let client = bound(&acme(&root));
    let (anyone, holder) = (service.anonymous(), Holder::new());
    is_error(&exchange(&service, &client, ""), 400, "invalid_dpop_proof");
    let nonce = nonce(&service, &client, &holder);
    let url = endpoint(&service);
    let proof = holder.proof_with(&url, &nonce);
    let answer = anyone.send(&asked_with(&client, &[&proof]));
    let told = answer.expect(200);
    assert_eq!((&told["token_type"], &told["expires_in"]), (&json!("DPoP"), &json!(3600)));
    super::is_never_kept(&answer);
    let token = text(&told["access_token"]);
    assert_eq!(part(&token, 1)["cnf"], json!({"jkt": holder.thumbprint()}));

    let again = anyone.send(&asked_with(&client, &[&proof]));
    assert!(is_error(&again, 400, "invalid_dpop_proof").contains("used before"));
    let next = holder.proof_with(&url, &nonce_of(&answer));
    anyone.send(&asked_with(&client, &[&next])).expect(200);
    for (proofs, error) in [
        (vec![holder.proof_with(&url, "forged")], "use_dpop_nonce"),
        (vec![holder.proof_with(&url, &nonce.replacen('A', "B", 1))], "use_dpop_nonce"),
        (
            vec![holder.proof_with(&format!("{}/api/v1/oauth/revoke", service.url()), &nonce)],
            "invalid_dpop_proof",
        ),
        (vec![holder.proof("GET", &url, "")], "invalid_dpop_proof"),
        (vec!["x".to_owned()], "invalid_dpop_proof"),
        (vec![String::new()], "invalid_dpop_proof"),
        (vec![holder.proof_with(&url, &nonce), holder.proof_with(&url, &nonce)], "invalid_dpop_proof"),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = anyone.send(&asked_with(&client, &proofs));
        is_error(&answer, 400, error);
        assert_eq!(answer.header("dpop-nonce").is_some(), error == "use_dpop_nonce");
    }
    // Whoever is not let in has no proof looked at.
    let guess = by_body(TOKEN, &id_of(&client), "guessed", GRANT).header("DPoP", "x");
    is_error(&anyone.send(&guess), 401, "invalid_client");
}

#[test]
fn a_client_of_either_kind_is_bound_when_it_proves_a_key_and_is_told_so_by_introspection() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let tenant = acme(&root);
    let client = tenant.client("free");
    let plain = super::token(&service, &client);
    let bound = holder.token(&service, &client);
    let told = introspected(&gateway, &plain);
    assert_eq!((&told["token_type"], told.get("cnf")), (&json!("Bearer"), None));
    let told = introspected(&gateway, &bound);
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(told["cnf"], json!({"jkt": holder.thumbprint()}));
    let asked = format!("token={bound}");
    assert_eq!(super::asks(&service, super::INTROSPECT, &client, &asked).expect(200)["cnf"], told["cnf"]);
    // Its client gives it back, by what it is and not by what it is bound to.
    super::asks(&service, super::REVOKE, &client, &asked).expect(200);
    assert_eq!(introspected(&gateway, &bound), json!({"active": false}));
}

#[test]
fn a_client_with_keys_shows_one_assertion_until_it_has_a_token_that_is_bound_and_no_longer() {
    let service = Service::start();
    let (root, holder, signer) = (service.root(), Holder::new(), Signer::new("one"));
    let mut registration = signer.registration("bound");
    registration["dpop_bound_access_tokens"] = json!(true);
    let id = id_of(&acme(&root).client_with(registration));
    let (anyone, url) = (service.anonymous(), endpoint(&service));
    let asked = |assertion: &str, proof: &str| {
        anyone.send(&by_assertion(TOKEN, assertion, GRANT).header("DPoP", proof))
    };
    let assertion = signer.assertion(&id, &service.url());
    let answer = asked(&assertion, &holder.signed(&holder.header(), &holder.claims("POST", &url)));
    is_error(&answer, 400, "use_dpop_nonce");
    let nonce = nonce_of(&answer);
    let told = asked(&assertion, &holder.proof_with(&url, &nonce)).expect(200);
    assert_eq!(told["token_type"], "DPoP", "{told}");
    let token = text(&told["access_token"]);
    assert_eq!(part(&token, 1)["cnf"], json!({"jkt": holder.thumbprint()}));
    let proof = holder.proof("GET", &format!("{}{WHOAMI}", service.url()), &token);
    let told = anyone.send(&with_scheme("GET", WHOAMI, &token, &[&proof])).expect(200);
    assert_eq!(told["name"], "bound");

    // Used up, whatever comes with it.
    for proof in [holder.proof_with(&url, &nonce), "x".to_owned()] {
        is_error(&asked(&assertion, &proof), 401, "invalid_client");
    }
    is_error(&anyone.send(&by_assertion(TOKEN, &assertion, GRANT)), 401, "invalid_client");
    // Whatever is wrong with a proof, but for the nonce, uses an assertion up.
    let another = signer.assertion(&id, &service.url());
    is_error(&asked(&another, "x"), 400, "invalid_dpop_proof");
    is_error(&asked(&another, &holder.proof_with(&url, &nonce)), 401, "invalid_client");
    // Whoever signs by another key than the client's is told no nonce.
    let stranger = Signer::new("one").assertion(&id, &service.url());
    let answer = asked(&stranger, &holder.signed(&holder.header(), &holder.claims("POST", &url)));
    is_error(&answer, 401, "invalid_client");
    assert_eq!(answer.header("dpop-nonce"), None);
}

#[test]
fn verify_takes_a_bound_token_with_its_proof_once_and_without_it_never() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let client = bound(&acme(&root));
    let token = holder.token(&service, &client);
    let proof = holder.proof("GET", URL, &token);
    let accepted = asks(&gateway, &token, &proof);
    assert_eq!((&accepted["valid"], &accepted["name"]), (&json!(true), &json!("bound")));
    let replayed = asks(&gateway, &token, &proof);
    assert_eq!((&replayed["valid"], &replayed["reason"]), (&json!(false), &json!("proof_invalid")));
    assert!(text(&replayed["detail"]).contains("used before"));
    gateway.verify(&token).is_refused("proof_missing");

    let thief = Holder::new();
    let other = holder.token(&service, &client);
    for (proof, about) in [
        (String::new(), "compact form"),
        (thief.proof("GET", URL, &token), "another key"),
        (holder.proof("GET", URL, &other), "ath"),
        (holder.signed(&holder.header(), &holder.claims("GET", URL)), "ath"),
        (holder.proof("POST", URL, &token), "htm"),
        (holder.proof("GET", "https://api.example.com/order", &token), "htu"),
        (holder.proof("GET", "http://api.example.com/orders", &token), "htu"),
    ] {
        let told = asks(&gateway, &token, &proof);
        assert_eq!(told["reason"], "proof_invalid", "{told}");
        assert!(text(&told["detail"]).contains(about), "{about}: {told}");
    }
    // A refused one was not used up.
    let spared = holder.proof("GET", URL, &token);
    let question = json!({"credential": token, "scopes": ["b:c"], "dpop": spared, "http_method": "GET", "http_uri": URL});
    gateway.verify_as(question).is_refused("insufficient_scope");
    assert_eq!(asks(&gateway, &token, &spared)["valid"], true);
    let url = format!("{URL}?page=2#top");
    let spelled = holder.proof("GET", &url.replace("api.example.com", "API.Example.com:443"), &token);
    assert_eq!(asks(&gateway, &token, &spelled)["valid"], true);
    // What is no more is told as such, proof or not.
    client.revoke("other");
    assert_eq!(asks(&gateway, &token, &holder.proof("GET", URL, &token))["reason"], "revoked");
    gateway.verify(&token).is_refused("revoked");
}

#[test]
fn of_many_uses_of_one_proof_at_once_one_is_accepted_and_no_other_after_a_crash() {
    let mut service = Service::start_with(&["--public-url", "https://keys.example.com"]);
    let holder = Holder::new();
    let (token, proof, nonce, id, secret) = {
        let root = service.root();
        let client = bound(&acme(&root));
        let token = holder.token(&service, &client);
        let proof = holder.proof("GET", URL, &token);
        let gateway = service.gateway().token.expect("a token");
        let accepted: usize = std::thread::scope(|scope| {
            let (service, gateway, token, proof) = (&service, &gateway, &token, &proof);
            let ask = move || usize::from(asks(&service.actor(gateway), token, proof)["valid"] == true);
            let asking: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|asked| asked.join().expect("an answer")).sum()
        });
        assert_eq!(accepted, 1);
        (token, proof, nonce(&service, &client, &holder), id_of(&client), client.secret.clone())
    };
    service.kill();
    service.start_again();
    let gateway = service.gateway();
    let replayed = asks(&gateway, &token, &proof);
    assert!(text(&replayed["detail"]).contains("used before"), "{replayed}");
    assert_eq!(asks(&gateway, &token, &holder.proof("GET", URL, &token))["valid"], true);
    // A nonce of before needs nothing that a process remembers.
    let proof = holder.proof_with(&endpoint(&service), &nonce);
    let request = by_body(TOKEN, &id, &secret, GRANT).header("DPoP", &proof);
    service.anonymous().send(&request).expect(200);
}

#[test]
fn in_a_batch_each_proof_is_worth_one_answer() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let tenant = acme(&root);
    let client = bound(&tenant);
    let key = tenant.mint("k");
    let token = holder.token(&service, &client);
    let [one, two] = [(); 2].map(|()| holder.proof("GET", URL, &token));
    let item =
        |proof: &str| json!({"credential": token, "dpop": proof, "http_method": "GET", "http_uri": URL});
    let items = json!({"items": [
        item(&one), {"credential": key.secret}, item(&two), item(&one), {"credential": token},
        {"credential": token, "dpop": two}, {"credential": token, "dpop": one, "http_method": "GET", "http_uri": "/orders"},
    ]});
    let told = gateway.post("/api/v1/verify/batch", &items).expect(200);
    let valid: Vec<_> =
        told["data"].as_array().expect("a list").iter().map(|told| told["valid"].clone()).collect();
    assert_eq!([&valid[1], &valid[2], &valid[4], &valid[5], &valid[6]], [true, true, false, false, false]);
    assert_eq!([&valid[0], &valid[3]].into_iter().filter(|valid| **valid == true).count(), 1, "{told}");
    assert_eq!(
        (&told["data"][4]["reason"], &told["data"][5]["code"]),
        (&json!("proof_missing"), &json!("invalid_request"))
    );
}

#[test]
fn what_is_bound_to_no_key_is_shown_without_a_proof() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let tenant = acme(&root);
    let (key, client) = (tenant.mint("k"), tenant.client("free"));
    let plain = super::token(&service, &client);
    for credential in [&key.secret, &plain] {
        let proof = holder.proof("GET", URL, credential);
        let told = asks(&gateway, credential, &proof);
        assert_eq!(told["reason"], "proof_invalid", "{told}");
        assert!(text(&told["detail"]).contains("bound to no key"));
        gateway.verify(credential).is_accepted();
        let own = holder.proof("GET", &format!("{}{WHOAMI}", service.url()), credential);
        let answer = service.anonymous().send(&with_scheme("GET", WHOAMI, credential, &[&own]));
        assert_eq!(answer.problem(401, "unauthorized")["reason"], "proof_invalid");
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        let asked = forwarded(with_scheme("GET", AUTHORIZE, credential, &[&proof]), "GET", "/orders");
        let answer = service.anonymous().send(&asked);
        assert_eq!((answer.status, answer.header("x-credential-refusal")), (401, Some("proof_invalid")));
        // A proof that nobody asked for, beside a bearer's credential, is passed over.
        let beside = Request::new("GET", WHOAMI).bearer(credential).header("DPoP", &own);
        service.anonymous().send(&beside).expect(200);
    }
    assert_eq!(asks(&gateway, "no key", "x")["reason"], "malformed");
    service
        .anonymous()
        .send(&with_scheme("GET", "/api/admin/v1/plans", &key.secret, &["x"]))
        .problem(401, "unauthorized");
}

#[test]
fn whoami_and_self_revoke_take_a_proof_for_their_own_url_and_no_bearer() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let client = bound(&acme(&root));
    let (token, anyone) = (holder.token(&service, &client), service.anonymous());
    let url = |path: &str| format!("{}{path}", service.url());
    is_challenged(&service.whoami(&token), "proof_missing", "invalid_token");
    let proof = holder.proof("GET", &url(WHOAMI), &token);
    let told = anyone.send(&with_scheme("GET", WHOAMI, &token, &[&proof])).expect(200);
    assert_eq!((&told["kind"], &told["name"]), (&json!("oauth_client"), &json!("bound")));
    is_challenged(
        &anyone.send(&with_scheme("GET", WHOAMI, &token, &[&proof])),
        "proof_invalid",
        "invalid_dpop_proof",
    );
    is_challenged(
        &anyone.send(&with_scheme("GET", WHOAMI, &token, &[])),
        "proof_invalid",
        "invalid_dpop_proof",
    );
    let two = [(); 2].map(|()| holder.proof("GET", &url(WHOAMI), &token));
    let twice = anyone.send(&with_scheme("GET", WHOAMI, &token, &[&two[0], &two[1]]));
    is_challenged(&twice, "proof_invalid", "invalid_dpop_proof");

    const SELF: &str = "/api/v1/self/revoke";
    let elsewhere = holder.proof("POST", &url(WHOAMI), &token);
    for suspended in [false, true] {
        if suspended {
            super::act(&root, &format!("{}/suspend", client.path));
        }
        is_challenged(&service.actor(&token).post(SELF, &json!({})), "proof_missing", "invalid_token");
        let refused = anyone.send(&with_scheme("POST", SELF, &token, &[&elsewhere]));
        is_challenged(&refused, "proof_invalid", "invalid_dpop_proof");
    }
    super::act(&root, &format!("{}/resume", client.path));
    let own = holder.proof("POST", &url(SELF), &token);
    assert_eq!(anyone.send(&with_scheme("POST", SELF, &token, &[&own])).expect(200)["revoked"], "token");
    assert_eq!(asks(&gateway, &token, &holder.proof("GET", URL, &token))["reason"], "revoked");
}

#[test]
fn authorize_holds_a_proof_against_the_request_that_the_proxy_tells() {
    let service = Service::start();
    let (root, holder) = (service.root(), Holder::new());
    let client = bound(&acme(&root));
    let (token, proxy) = (holder.token(&service, &client), service.anonymous());
    let fresh = || holder.proof("GET", URL, &token);
    let asked = |proofs: &[&str]| with_scheme("GET", AUTHORIZE, &token, proofs);
    let proof = fresh();
    let answer = proxy.send(&forwarded(asked(&[&proof]), "GET", "/orders?page=2"));
    assert_eq!((answer.status, answer.header("x-credential-name")), (200, Some("bound")));
    let refused = |request: Request, reason: &str| {
        let answer = proxy.send(&request);
        assert_eq!(
            (answer.status, answer.header("x-credential-refusal")),
            (401, Some(reason)),
            "{}",
            answer.text()
        );
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        text(&answer.problem(401, "unauthorized")["detail"])
    };
    assert!(refused(forwarded(asked(&[&proof]), "GET", "/orders"), "proof_invalid").contains("used before"));
    refused(forwarded(asked(&[&fresh()]), "GET", "/orders/7"), "proof_invalid");
    refused(forwarded(asked(&[&fresh()]), "POST", "/orders"), "proof_invalid");
    refused(forwarded(asked(&[]), "GET", "/orders"), "proof_invalid");
    refused(forwarded(asked(&[&fresh(), &fresh()]), "GET", "/orders"), "proof_invalid");
    let bearer = Request::new("GET", AUTHORIZE).bearer(&token).header("DPoP", &fresh());
    refused(forwarded(bearer, "GET", "/orders"), "proof_missing");
    // Whatever is not told, or told twice, is not guessed.
    let untold = "The proxy has to tell them";
    assert!(refused(asked(&[&fresh()]), "proof_invalid").contains(untold));
    let twice = forwarded(asked(&[&fresh()]), "GET", "/orders").header("X-Forwarded-Host", "api.example.com");
    assert!(refused(twice, "proof_invalid").contains(untold));
    let absolute = forwarded(asked(&[&fresh()]), "GET", "https://api.example.com/orders");
    assert!(refused(absolute, "proof_invalid").contains(untold));
    let plain = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example.com")];
    let original =
        plain.iter().fold(asked(&[&fresh()]), |request, (name, value)| request.header(name, value));
    let original = original.header("X-Original-Method", "GET").header("X-Original-URI", "/orders");
    assert_eq!(proxy.send(&original).status, 200, "under the other names");
    let both = forwarded(asked(&[&fresh()]), "GET", "/orders").header("X-Original-URI", "/other");
    assert!(refused(both, "proof_invalid").contains(untold), "one of them is the caller's");
    let both = forwarded(asked(&[&fresh()]), "GET", "/orders").header("X-Original-URI", "/orders");
    assert_eq!(proxy.send(&both).status, 200, "both say the same");
}

#[test]
fn a_client_is_bound_by_an_edit_which_is_an_event_and_what_it_has_stays_as_it_is() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let client = tenant.client("c");
    assert_eq!(client.read()["dpop_bound_access_tokens"], false);
    let before = super::token(&service, &client);
    let edited = client.edit(json!({"dpop_bound_access_tokens": true}));
    assert_eq!(edited["client"]["dpop_bound_access_tokens"], true, "{edited}");
    assert_eq!(client.told().last().map(String::as_str), Some("oauth_client.configured"));
    let told = client.told().len();
    client.edit(json!({"dpop_bound_access_tokens": true}));
    assert_eq!(client.told().len(), told, "the same again is no event");
    is_error(&exchange(&service, &client, ""), 400, "invalid_dpop_proof");
    gateway.verify(&before).is_accepted();
    for wrong in [json!("true"), json!(1), json!(null)] {
        let refused = root.patch(&client.path, &json!({"dpop_bound_access_tokens": wrong}));
        assert_eq!(
            refused.problem(400, "invalid_request")["errors"][0]["pointer"],
            "/dpop_bound_access_tokens"
        );
    }
    let key = tenant.mint("k");
    root.patch(&key.path, &json!({"dpop_bound_access_tokens": true})).problem(400, "invalid_request");
}

#[test]
fn a_proof_is_asked_about_with_the_request_that_it_is_for() {
    let service = Service::start();
    let gateway = service.gateway();
    for (body, pointer) in [
        (json!({"credential": "x", "dpop": "x"}), ""),
        (json!({"credential": "x", "dpop": "x", "http_method": "GET"}), ""),
        (json!({"credential": "x", "dpop": "x", "http_uri": URL}), ""),
        (json!({"credential": "x", "dpop": "x", "http_method": "GET", "http_uri": "/orders"}), "/http_uri"),
        (json!({"credential": "x", "dpop": "x", "http_method": "GET", "http_uri": "ftp://a/b"}), "/http_uri"),
        (json!({"credential": "x", "dpop": 7, "http_method": "GET", "http_uri": URL}), "/dpop"),
        (json!({"credential": "x", "http_method": 7}), "/http_method"),
        (json!({"credential": "x", "http_method": "GET /"}), "/http_method"),
    ] {
        let problem = gateway.post("/api/v1/verify", &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let told = json!({"credential": "x", "dpop": null, "http_method": "GET", "http_uri": URL});
    gateway.verify_as(told).is_refused("malformed");
}

#[test]
fn replays_take_nothing_of_the_rate_limit() {
    let service = Service::start();
    let (root, gateway, holder) = (service.root(), service.gateway(), Holder::new());
    let limit = json!({"requests": 10, "per_seconds": 86_400});
    let body = json!({"name": "c", "rate_limit": limit, "dpop_bound_access_tokens": true});
    let client = acme(&root).client_with(body);
    let token = holder.token(&service, &client);
    let proof = holder.proof("GET", URL, &token);
    let left = |told: &Value| told["rate_limit"]["remaining"].as_u64().expect("a number");
    let before = left(&asks(&gateway, &token, &proof));
    for _ in 0..20 {
        assert_eq!(asks(&gateway, &token, &proof)["reason"], "proof_invalid");
    }
    assert_eq!(left(&asks(&gateway, &token, &holder.proof("GET", URL, &token))), before - 1);
    // What comes too often uses no proof up.
    client.edit(json!({"rate_limit": {"requests": 1, "per_seconds": 86_400}}));
    let early = holder.proof("GET", URL, &token);
    assert_eq!(asks(&gateway, &token, &early)["reason"], "rate_limited");
    assert_eq!(asks(&gateway, &token, &early)["reason"], "rate_limited");
    client.edit(json!({"rate_limit": "none"}));
    assert_eq!(asks(&gateway, &token, &early)["valid"], true);
    assert_eq!(asks(&gateway, &token, &early)["reason"], "proof_invalid");
}
