//! The Authorization header, in every form that people manage to send.

use serde_json::json;

use crate::acme;
use crate::support::client::Request;
use crate::support::service::Service;

#[test]
fn one_header_with_one_space_is_taken_in_any_case_of_the_scheme() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let request = Request::new("GET", "/api/v1/whoami")
            .header("Authorization", &format!("{scheme} {}", key.secret));
        service.anonymous().send(&request).expect(200);
    }
}

#[test]
fn any_other_form_is_401_malformed_and_says_what_is_wrong_at_both_doors() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k").secret;
    let token = root.token.clone().expect("a token");
    for (path, text) in [("/api/v1/whoami", &key), ("/api/admin/v1/tenants", &token)] {
        let cut = &text[..text.len() - 9];
        let cases = [
            (format!("Bearer  {text}"), "stray space"),
            (format!("Bearer\t{text}"), "stray space"),
            (format!("Bearer {text} {text}"), "stray space"),
            ("Bearer".to_owned(), "cut off"),
            (format!("Basic {text}"), "unknown form"),
            (text.clone(), "unknown form"),
            (format!("Bearer {text}é"), "ASCII"),
            (format!("Bearer {cut}"), "cut"),
            (format!("Bearer {text}{text}"), "form"),
            (format!("Bearer \"{text}\""), "form"),
            (format!("Bearer {}", mistyped(text)), "form"),
        ];
        for (header, word) in cases {
            let request = Request::new("GET", path).header("Authorization", &header);
            let answer = service.anonymous().send(&request);
            let problem = answer.problem(401, "unauthorized");
            assert_eq!(problem["reason"], "malformed", "{header}: {problem}");
            assert!(
                problem["detail"].as_str().is_some_and(|detail| detail.contains(word)),
                "{header}: {problem}"
            );
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"credledger\", error=\"invalid_token\"")
            );
        }
        let twice = Request::new("GET", path).bearer(text).bearer(text);
        assert_eq!(service.anonymous().send(&twice).problem(401, "unauthorized")["reason"], "malformed");
        let missing = service.anonymous().get(path);
        assert_eq!(missing.problem(401, "unauthorized").get("reason"), None);
        assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"credledger\""));
    }
}

/// One character is another, which the checksum tells.
fn mistyped(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn a_token_of_the_right_form_that_nobody_was_given_is_not_found() {
    let (service, other) = (Service::start(), Service::start());
    let token = other.root().token.expect("a token");
    // A key is whole as well, and at the wrong door.
    let key = acme(&service.root()).mint("k").secret;
    for text in [token, key] {
        let problem = service.actor(&text).get("/api/admin/v1/tenants").problem(401, "unauthorized");
        assert_eq!(problem["reason"], "not_found", "{problem}");
    }
}

#[test]
fn a_bearer_of_a_hundred_kilobytes_is_431_in_a_header_and_malformed_in_a_body() {
    let service = Service::start();
    let gateway = service.gateway();
    let long = "x".repeat(100 * 1024);
    let over = Request::new("GET", "/api/v1/whoami").bearer(&"x".repeat(16 * 1024));
    service.anonymous().send(&over).problem(431, "headers_too_large");
    let far_over = Request::new("GET", "/api/v1/whoami").bearer(&long);
    service.anonymous().send(&far_over).problem(431, "headers_too_large");
    gateway.verify(&long).is_refused("malformed");
}

#[test]
fn the_doors_know_nothing_of_each_other() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k").secret;
    let token = root.token.clone().expect("a token");
    service.actor(&key).get("/api/admin/v1/tenants").problem(401, "unauthorized");
    service.actor(&key).post("/api/v1/verify", &json!({"credential": key})).problem(401, "unauthorized");
    for path in ["/api/v1/whoami", "/api/v1/authorize"] {
        service.actor(&token).get(path).problem(401, "unauthorized");
    }
    service.actor(&token).post("/api/v1/self/revoke", &json!({})).problem(401, "unauthorized");
    root.get("/api/admin/v1/tenants").expect(200);
    service.gateway().verify(&token).is_refused("malformed");
}

#[test]
fn what_is_answered_to_a_credential_is_never_cached() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let holder = service.actor(&key.secret);
    let answers = [
        root.get(&key.path),
        root.get(&tenant.path()),
        root.get("/api/admin/v1/nowhere"),
        holder.get("/api/v1/whoami"),
        holder.get("/api/v1/authorize"),
        service.gateway().post("/api/v1/verify", &json!({"credential": key.secret})),
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
}
