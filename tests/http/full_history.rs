//! A key whose history was filled on purpose: it takes no more changes, it still ends, and whoever reads it again and again
//! keeps nobody else's revoke waiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::client::{Client, Request};
use crate::support::service::{Key, Service, eventually};
use crate::{acme, without_an_event};

/// More than a pool has connections.
const READERS: usize = 10;

/// Numbers that are short as they are spelt, and over three hundred digits when they are spelt out.
fn numbers(turn: usize) -> Value {
    let numbers: Vec<f64> = vec![1e308; 2300];
    json!({"numbers": numbers, "turn": turn})
}

/// As much as one request may add: three events.
fn much(turn: usize) -> Value {
    let scopes: Vec<String> = (0..100).map(|index| format!("s{turn}-{index}.{}", "x".repeat(185))).collect();
    let entries = |list: &str| -> Vec<Value> {
        let address = |index| format!("2001:db8:{turn:x}:{index:x}:{list}:1111:2222:3333");
        (0..100).map(|index| json!({"cidr": address(index)})).collect()
    };
    let ip_rules = json!({"allow": entries("aaaa"), "deny": entries("dddd")});
    let description = format!("{turn} {}", "\u{1f511}".repeat(990));
    json!({"metadata": numbers(turn), "description": description, "scopes": scopes, "ip_rules": ip_rules})
}

/// Changes a key until it is told that there is no more room; how often it was changed.
fn fill(key: &Key<'_>, change: impl Fn(usize) -> Value) -> usize {
    for turn in 1..1000 {
        let answer = key.admin.patch(&key.path, &change(turn));
        if answer.status != 200 {
            let problem = answer.problem(409, "conflict");
            let detail = problem["detail"].as_str().expect("a sentence");
            assert!(detail.ends_with("Create a new credential, then revoke this one."), "{detail}");
            return turn - 1;
        }
    }
    panic!("a thousand changes fit");
}

#[test]
fn a_number_is_stored_as_long_as_it_was_measured() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let kept = key.edit(json!({"metadata": numbers(1)}));
    let answer = root.get(&key.path);
    assert_eq!(answer.expect(200)["metadata"], numbers(1));
    assert!(answer.body.len() < 32 * 1024, "{} bytes of it are read back", answer.body.len());
    // What is stored refuses no later merge, and what is merged is measured as a whole.
    let merged = key.edit(json!({"metadata": {"turn": 2}}));
    assert_eq!(merged["key"]["metadata"], numbers(2));
    assert_ne!(merged["key"]["version"], kept["key"]["version"]);
    without_an_event(&root, || {
        let more = json!({"metadata": {"more": vec![1e308; 100]}});
        let problem = root.patch(&key.path, &more).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/metadata");
    });
}

#[test]
fn text_that_grows_in_its_composed_form_is_measured_in_it() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    // U+0958 is 3 bytes, and 6 in the composed form.
    let text = |letters: usize| json!({"metadata": {"t": "\u{958}".repeat(letters)}});
    root.patch(&key.path, &text(5000)).problem(400, "invalid_request");
    key.edit(text(2700));
    key.edit(json!({"metadata": {"u": 1}}));
}

#[test]
fn a_full_key_still_ends_and_its_readers_keep_nobodys_revoke_waiting() {
    let service = Service::start();
    let root = service.root();
    let noisy = root.tenant("noisy", json!({}));
    let admin = service.operator("org_admin", &[&noisy.id]);
    let key = noisy.seen_by(&admin).mint("k");
    assert!(fill(&key, much) > 10, "it took no room at all");
    fill(&key, |turn| json!({"metadata": numbers(turn)}));
    admin.patch(&key.path, &json!({"name": "other"})).problem(409, "conflict");
    admin.patch(&key.path, &json!({"name": "k"})).expect(200);
    admin.post(&format!("{}/rotate", key.path), &json!({})).problem(409, "conflict");
    for stop in ["suspend", "resume", "suspend"] {
        assert!(
            [200, 202].contains(&admin.post(&format!("{}/{stop}", key.path), &json!({})).status),
            "{stop}"
        );
    }
    // Anew: a connection that was idle for as long as the filling took may be closed by now.
    let root = service.root();
    let quiet = root.tenant("quiet", json!({}));
    let doomed: Vec<Key<'_>> = (0..5).map(|index| quiet.mint(&format!("k{index}"))).collect();
    let (over, read) = (AtomicBool::new(false), AtomicUsize::new(0));
    let token = admin.token.clone().expect("a token");
    std::thread::scope(|threads| {
        let _ends = Ends(&over);
        for reader in 0..READERS {
            let tail = ["", "/history?order=desc&limit=1"][reader % 2];
            let request = Request::new("GET", &format!("{}{tail}", key.path)).bearer(&token);
            let (mut client, over, read) = (Client::new(service.address()), &over, &read);
            threads.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let status = client.send(&request).status;
                    assert!([200, 503].contains(&status), "{status}");
                    read.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let hammering = eventually(|| (read.load(Ordering::Relaxed) > READERS).then_some(()));
        let ends: Vec<u16> = doomed.iter().chain([&key]).map(revoke).collect();
        assert_eq!(hammering, Some(()), "nobody was reading");
        // One that is not shown to be enforced in time is in the ledger all the same.
        assert!(ends.iter().all(|status| [200, 202].contains(status)), "{ends:?}");
    });
    for key in doomed.iter().chain([&key]) {
        assert_eq!(key.read()["status"], "revoked");
    }
}

/// The readers end also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn revoke(key: &Key<'_>) -> u16 {
    key.admin.post(&format!("{}/revoke", key.path), &json!({"reason": "leaked"})).status
}
