//! Rotations: of a client's secret, and of the keys that sign its tokens. What is out lives to its end unless somebody ends it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    GRANT, TOKEN, act, by_basic, by_body, exchange, id_of, in_seconds, introspected, is_error, part, token,
};
use crate::acme;
use crate::support::service::{Actor, Key, Service, eventually, eventually_every, text};

/// What this pair of id and secret is given now.
fn taken(service: &Service, id: &str, secret: &str) -> Option<String> {
    let answer = service.anonymous().send(&by_body(TOKEN, id, secret, GRANT));
    if answer.status == 200 {
        return Some(text(&answer.json()["access_token"]));
    }
    is_error(&answer, 401, "invalid_client");
    None
}

/// After a rotation: the old pair and the new one.
fn rotated(client: &Key<'_>, body: Value) -> [(String, String); 2] {
    let (secret, answer) = client.rotate(body);
    [(id_of(client), client.secret.clone()), (text(&answer["client_id"]), secret)]
}

#[test]
fn through_the_window_both_issue_and_after_it_the_new_one_alone() {
    for mode in ["new_id", "keep_id"] {
        let service = Service::start();
        let (root, gateway) = (service.root(), service.gateway());
        let client = root.tenant("acme", json!({"client_rotation": mode})).client("c");
        let before = token(&service, &client);
        let [old, new] = rotated(&client, json!({"grace_seconds": 3600}));
        assert_eq!(old.0 == new.0, mode == "keep_id");
        let through = taken(&service, &old.0, &old.1).expect("through its window");
        let after = taken(&service, &new.0, &new.1).expect("the new one");
        for (token, id) in [(&before, &old.0), (&through, &old.0), (&after, &new.0)] {
            let told = introspected(&gateway, token);
            assert_eq!((&told["client_id"], &told["credential_id"]), (&json!(id), &json!(client.id)));
        }
        assert_eq!(gateway.verify(&through).is_accepted()["secret_status"], "expiring");
        if mode == "new_id" {
            assert_eq!(taken(&service, &new.0, &old.1), None, "halves of two rotations are nobody's");
            assert_eq!(taken(&service, &old.0, &new.1), None);
        }
        root.patch(&client.secret_path(0), &json!({"expires_at": in_seconds(3)})).expect(200);
        eventually(|| taken(&service, &old.0, &old.1).is_none().then_some(())).expect("the window's end");
        // What was taken by it lives to its own end.
        for token in [&before, &through, &after] {
            gateway.verify(token).is_accepted();
        }
        assert_eq!(gateway.verify(&through).is_accepted()["secret_status"], "expired");
        taken(&service, &new.0, &new.1).expect("the new one");
    }
}

#[test]
fn without_a_window_the_old_one_ends_at_once_and_what_was_taken_by_it() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let before = token(&service, &client);
    let [old, new] = rotated(&client, json!({"grace_seconds": 0}));
    assert_eq!(taken(&service, &old.0, &old.1), None);
    gateway.verify(&before).is_refused("revoked");
    service.whoami(&before).problem(401, "unauthorized");
    let after = taken(&service, &new.0, &new.1).expect("the new one");
    gateway.verify(&after).is_accepted();
    act(&root, &format!("{}/tokens/revoke", client.path));
    gateway.verify(&after).is_refused("revoked");
}

#[test]
fn a_window_that_is_over_is_closed_for_its_tokens_too() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let [old, new] = rotated(&client, json!({"grace_seconds": 3600}));
    let [by_old, by_new] = [&old, &new].map(|(id, secret)| taken(&service, id, secret).expect("a token"));
    root.patch(&client.secret_path(0), &json!({"expires_at": in_seconds(3)})).expect(200);
    eventually(|| taken(&service, &old.0, &old.1).is_none().then_some(())).expect("the window's end");
    gateway.verify(&by_old).is_accepted();
    act(&root, &format!("{}/revoke", client.secret_path(0)));
    gateway.verify(&by_old).is_refused("revoked");
    gateway.verify(&by_new).is_accepted();
}

#[test]
fn closing_the_old_secret_by_hand_takes_its_tokens_along_and_no_others() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let before = token(&service, &client);
    let [old, new] = rotated(&client, json!({}));
    let [by_old, by_new] = [&old, &new].map(|(id, secret)| taken(&service, id, secret).expect("a token"));
    act(&root, &format!("{}/revoke", client.secret_path(0)));
    for ended in [&before, &by_old] {
        gateway.verify(ended).is_refused("revoked");
        assert_eq!(introspected(&gateway, ended), json!({"active": false}));
    }
    gateway.verify(&by_new).is_accepted();
    assert_eq!(taken(&service, &old.0, &old.1), None);
    client.revoke("unused");
    gateway.verify(&by_new).is_refused("revoked");
    assert_eq!(taken(&service, &new.0, &new.1), None);
}

fn signing(root: &Actor) -> Value {
    let keys = root.get("/api/admin/v1/signing-keys").expect(200)["data"].clone();
    let found = keys.as_array().into_iter().flatten().find(|key| key["status"] == "signing");
    found.expect("one signs")["kid"].clone()
}

/// Takes tokens until it is told to stop, each of them good when it is given; their kids, and one of each.
fn takes(service: &Service, (id, secret): (&str, &str), gateway: &str, done: &AtomicBool) -> Vec<String> {
    let (anyone, gateway) = (service.anonymous(), service.actor(gateway));
    let mut of_each: Vec<String> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let answer = anyone.send(&by_basic(TOKEN, id, secret, GRANT)).expect(200);
        let token = text(&answer["access_token"]);
        gateway.verify(&token).is_accepted();
        if of_each.last().is_none_or(|last| part(last, 0)["kid"] != part(&token, 0)["kid"]) {
            of_each.push(token);
        }
        for token in &of_each {
            gateway.verify(token).is_accepted();
        }
    }
    of_each
}

#[test]
fn while_tokens_are_taken_the_signing_keys_rotate_and_every_token_works_throughout() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let (id, gateway) = (id_of(&client), service.gateway().token.expect("a token"));
    let done = AtomicBool::new(false);
    let shown = (id.as_str(), client.secret.as_str());
    let mut of_each = vec![token(&service, &client)];
    let of_takers: Vec<String> = std::thread::scope(|scope| {
        let takers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| takes(&service, shown, &gateway, &done))).collect();
        for algorithm in ["ES256", "EdDSA"] {
            let asked = root.post("/api/admin/v1/signing-keys/rotate", &json!({"algorithm": algorithm}));
            let kid = asked.expect(200)["signing_key"]["kid"].clone();
            // Published before anything is signed by it, and then it is what signs.
            let set = service.anonymous().get("/.well-known/jwks.json").expect(200);
            assert!(set["keys"].as_array().into_iter().flatten().any(|key| key["kid"] == kid), "{set}");
            let signed = || Some(token(&service, &client)).filter(|token| part(token, 0)["kid"] == kid);
            of_each.extend(eventually_every(Duration::from_millis(50), signed));
            assert_eq!(signing(&root), kid);
        }
        done.store(true, Ordering::Relaxed);
        takers.into_iter().flat_map(|taker| taker.join().expect("a taker")).collect()
    });
    of_each.extend(of_takers);
    let kids: BTreeSet<String> = of_each.iter().map(|token| part(token, 0)["kid"].to_string()).collect();
    assert_eq!(kids.len(), 3, "{kids:?}");
    let set = service.anonymous().get("/.well-known/jwks.json").expect(200).to_string();
    assert!(kids.iter().all(|kid| set.contains(kid.as_str())), "what signed a living token is published");
    let gateway = service.actor(&gateway);
    for token in &of_each {
        gateway.verify(token).is_accepted();
        assert_eq!(introspected(&gateway, token)["active"], true);
    }
    let ended = &of_each[0];
    exchange(&service, &client, "").expect(200);
    act(&root, &format!("{}/tokens/revoke", client.path));
    gateway.verify(ended).is_refused("revoked");
}
