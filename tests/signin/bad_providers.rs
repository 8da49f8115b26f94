//! A provider that is down, slow, or says what it should not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::browser::{Browser, SITE};
use crate::support::client::Response;
use crate::support::service::{eventually, eventually_every};
use crate::world::{World, service};

/// Its keys are asked for anew only so often: sign-ins are tried until they are known. Not so fast that whoever is denied has to wait.
#[track_caller]
pub fn until_its_keys_are_known(browser: &mut Browser, holds: impl Fn(&Response) -> bool) {
    let known = eventually_every(Duration::from_millis(500), || {
        let answer = browser.sign_in();
        holds(&answer).then_some(())
    });
    known.expect("the provider's new keys are taken");
}

#[track_caller]
pub fn until_it_signs_in(browser: &mut Browser) {
    until_its_keys_are_known(browser, |answer| answer.status == 303);
}

fn invited(how: serde_json::Value) -> World {
    let world = World::with(how, &[]);
    world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    world
}

#[test]
fn a_provider_that_swaps_its_keys_is_followed_also_under_an_old_name() {
    let mut world = invited(json!({"kid": "the only one"}));
    let mut ada = world.browser("ada");
    ada.signs_in();
    world.provider.restart(json!({"kid": "another"}));
    until_it_signs_in(&mut world.browser("ada"));
    world.provider.restart(json!({}));
    until_it_signs_in(&mut world.browser("ada"));
    ada.read("/session").expect(200);
}

#[test]
fn while_the_provider_is_down_nobody_signs_in_and_whoever_is_signed_in_stays_so() {
    let mut world = invited(json!({}));
    let mut ada = world.browser("ada");
    ada.signs_in();
    let mut late = world.browser("ada");
    let authorization = late.begin();
    let callback = late.authenticate(&authorization);
    world.provider.stop();
    let answer = late.get(&callback);
    world.denied(&answer, "provider_away", "the token endpoint");
    assert_eq!(answer.header("retry-after"), Some("1"));
    ada.read("/session").expect(200);
    // The service starts without its provider, too.
    world.service.stop();
    world.service.start_again();
    let answer = world.browser("ada").get(&format!("{SITE}/console/sign-in"));
    world.denied(&answer, "provider_away", "the discovery document");
    let mut again = world.browser("ada");
    again.cookies = ada.cookies;
    let mut ada = again;
    ada.read("/session").expect(200);
    world.provider.restart(json!({}));
    let back = eventually(|| (ada.get(&format!("{SITE}/console/sign-in")).status == 303).then_some(()));
    back.expect("it is asked again after a while");
}

#[test]
fn clocks_that_disagree_are_told_as_that() {
    for (shift, why) in [(300, "clocks"), (-3600 * 2, "clocks")] {
        let world = invited(json!({"clock_shift_seconds": shift}));
        let answer = world.browser("ada").sign_in();
        world.denied(&answer, "token", why);
    }
    let close = invited(json!({"clock_shift_seconds": 30}));
    close.browser("ada").signs_in();
}

/// A listener on loopback that answers each request with these bytes, or never.
fn answering(bytes: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            match &bytes {
                Some(bytes) => drop(stream.write_all(bytes)),
                None => held.push(stream),
            }
        }
    });
    issuer
}

fn page(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_provider_that_answers_garbage_is_told_apart() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let endless = "x".repeat(credledger::limits::PROVIDER_ANSWER_BYTES + 1);
    let other = json!({
        "issuer": "https://evil.example", "authorization_endpoint": "https://evil.example/a",
        "token_endpoint": "https://evil.example/t", "jwks_uri": "https://evil.example/k",
    });
    for (bytes, why) in [
        (page("not JSON"), "no JSON with issuer"),
        (page("{}"), "no JSON with issuer"),
        (page(&other.to_string()), "its issuer is not oidc_issuer"),
        (elsewhere.as_bytes().to_vec(), "status 302"),
        (page(&endless), "too large"),
    ] {
        let issuer = answering(Some(bytes));
        denied_at_the_start(&issuer, "provider_garbage", why);
    }
    denied_at_the_start(
        &answering(Some(b"\x16\x03\x01garbage\r\n\r\n".to_vec())),
        "provider_away",
        "discovery document",
    );
    denied_at_the_start(&answering(Some(Vec::new())), "provider_away", "discovery document");
}

#[test]
fn a_provider_that_does_not_answer_is_given_up_and_the_service_answers_meanwhile() {
    denied_at_the_start(&answering(None), "provider_away", "did not answer in time");
}

fn denied_at_the_start(issuer: &str, outcome: &str, why: &str) {
    let (service, _secret) = service(issuer, &[]);
    let waiting = {
        let mut browser = Browser::new(service.address(), "ada");
        thread::spawn(move || browser.get(&format!("{SITE}/console/sign-in")))
    };
    service.root().get("/api/admin/v1/tenants").expect(200);
    let answer = waiting.join().expect("an answer");
    assert_eq!(answer.status, if outcome == "provider_away" { 503 } else { 403 }, "{}", answer.text());
    let told = eventually(|| {
        let log = service.log();
        log.lines().any(|line| line.contains(outcome) && line.contains(why)).then_some(())
    });
    told.unwrap_or_else(|| panic!("the log does not say {why}:\n{}", service.log()));
}
