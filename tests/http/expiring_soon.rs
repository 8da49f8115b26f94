//! Nobody misses an end: a key is told of once in its warning window, by the service itself.

use std::time::SystemTime;

use credledger::clock::Timestamp;
use serde_json::{Value, json};

use crate::acme;
use crate::support::service::{Key, Service, Tenant, eventually, millis};

const SOON: &str = "api_key.expiring_soon";

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
    i64::try_from(since.as_millis()).expect("this century")
}

fn after(ms: i64) -> Timestamp {
    Timestamp::from_millis(now_ms() + ms).expect("an instant")
}

fn ending_in<'a>(tenant: &Tenant<'a>, ms: i64) -> Key<'a> {
    tenant.mint_with(json!({"name": "dated", "expires_at": after(ms)}))
}

fn warnings(key: &Key<'_>) -> Vec<Value> {
    key.history().into_iter().filter(|event| event["type"] == SOON).collect()
}

fn until_warned(key: &Key<'_>, times: usize) -> Value {
    let warned = || warnings(key).get(times - 1).cloned();
    let warning = eventually(warned).expect("a warning");
    assert_eq!(warnings(key).len(), times);
    warning
}

fn until_told(key: &Key<'_>, kind: &str) {
    eventually(|| key.told().contains(&kind.to_owned()).then_some(())).expect(kind);
}

#[test]
fn a_key_is_told_of_once_when_half_of_a_short_life_is_over_and_then_its_end() {
    let service = Service::start();
    let root = service.root();
    let key = ending_in(&acme(&root), 12_000);
    let warning = until_warned(&key, 1);
    let read = key.read();
    assert_eq!(warning["data"], json!({"expires_at": read["expires_at"]}));
    assert_eq!((&warning["actor"]["kind"], &warning["client_ip"]), (&json!("system"), &Value::Null));
    assert_eq!((&warning["changes"], &warning["version"]), (&json!({}), &read["version"]));
    assert_eq!(read["version"], key.minted["key"]["version"], "people did nothing");
    let half = (millis(&read["created_at"]) + millis(&read["expires_at"])) / 2;
    assert!(millis(&warning["at"]) >= half, "{warning} before {half}");
    assert!(["expiring", "expired"].contains(&read["status"].as_str().expect("a word")), "{read}");
    until_told(&key, "api_key.expired");
    assert_eq!(key.told(), ["api_key.created", SOON, "api_key.expired"]);
}

/// Its half comes first and its window later; and a service that was stopped meanwhile tells it as well.
#[test]
fn a_key_is_told_of_when_it_comes_into_its_tenants_window() {
    let mut service = Service::start();
    let root = service.root();
    let early = root.tenant("early", json!({}));
    let late = root.tenant("late", json!({"expiry_warning_seconds": 5}));
    let (early, late) = (ending_in(&early, 14_000), ending_in(&late, 14_000));
    until_warned(&early, 1);
    let warning = until_warned(&late, 1);
    assert!(millis(&warning["at"]) >= millis(&warning["data"]["expires_at"]) - 5_000, "{warning}");
    let paths = [early.path, late.path];
    drop(root);
    service.stop();
    service.start_again();
    let root = service.root();
    for path in paths {
        let history = || root.get(&format!("{path}/history")).expect(200)["data"].clone();
        let types = || -> Vec<Value> {
            history().as_array().expect("a list").iter().map(|event| event["type"].clone()).collect()
        };
        eventually(|| types().contains(&json!("api_key.expired")).then_some(())).expect("its end");
        assert_eq!(types(), ["api_key.created", SOON, "api_key.expired"]);
    }
}

#[test]
fn a_longer_window_holds_for_the_keys_that_are_there() {
    let service = Service::start();
    let root = service.root();
    let (wide, none) = (acme(&root), root.tenant("none", json!({"expiry_warning_seconds": 0})));
    let (told, untold) = (ending_in(&wide, 20_000), ending_in(&none, 20_000));
    until_warned(&told, 1);
    assert_eq!(warnings(&untold).len(), 0);
    assert_eq!(untold.read()["status"], "active");
    root.patch(&none.path(), &json!({"settings": {"expiry_warning_seconds": 60}})).expect(200);
    assert_eq!(untold.read()["status"], "expiring");
    until_warned(&untold, 1);
    // A shorter one takes nothing back, and the next longer one repeats nothing.
    root.patch(&none.path(), &json!({"settings": {"expiry_warning_seconds": 0}})).expect(200);
    root.patch(&none.path(), &json!({"settings": {"expiry_warning_seconds": 70}})).expect(200);
    until_told(&untold, "api_key.expired");
    assert_eq!(untold.told(), ["api_key.created", SOON, "api_key.expired"]);
}

#[test]
fn an_end_that_was_moved_is_told_of_anew() {
    let service = Service::start();
    let root = service.root();
    let key = ending_in(&acme(&root), 16_000);
    let first = until_warned(&key, 1)["data"]["expires_at"].clone();
    key.edit(json!({"expires_at": after(3_600_000)}));
    assert_eq!(key.read()["status"], "active");
    let near = after(9_000);
    key.edit(json!({"expires_at": near}));
    let second = until_warned(&key, 2)["data"]["expires_at"].clone();
    assert_eq!((&second, second == first), (&json!(near), false));
    until_told(&key, "api_key.expired");
    let moved = "api_key.expiry_set";
    assert_eq!(key.told(), ["api_key.created", SOON, moved, moved, SOON, "api_key.expired"]);
}

#[test]
fn a_suspended_key_is_told_of_and_a_revoked_one_is_not() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (suspended, revoked) = (ending_in(&tenant, 14_000), ending_in(&tenant, 14_000));
    root.post(&format!("{}/suspend", suspended.path), &json!({})).expect(200);
    revoked.revoke("other");
    root.post(&format!("{}/suspend", tenant.path()), &json!({})).expect(200);
    until_warned(&suspended, 1);
    assert_eq!(suspended.read()["status"], "suspended");
    until_told(&suspended, "api_key.expired");
    assert_eq!(revoked.told(), ["api_key.created", "api_key.revoked"]);
}

#[test]
fn the_end_of_a_rotated_out_secrets_window_is_no_end_of_the_key() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("rotated");
    key.rotate(json!({"grace_seconds": 1}));
    until_told(&key, "api_key.secret_expired");
    assert_eq!(key.told(), ["api_key.created", "api_key.rotated", "api_key.secret_expired"]);
}
