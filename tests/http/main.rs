//! The HTTP API, black box: the real binary over HTTP, and nothing else. Whatever an actor is answered is also held against the
//! API document (`support/document.rs`).
// The bans are the service's: whoever calls it has a clock and ids of its own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod activity;
mod audit;
mod audited;
mod authorize;
mod bad_bodies;
mod bad_input;
mod bearer;
mod blast_radius;
mod client_input;
mod clients;
mod cutover;
mod decide;
mod document;
mod erased_everywhere;
mod erasures;
mod expiring_soon;
mod full_history;
mod guessing;
mod idempotency;
mod import;
mod keys;
mod last_root;
mod leaks;
mod leaks_github;
mod ledger_events;
mod limits;
mod limits_set;
mod lists;
mod matrix;
mod media;
mod members;
mod metadata;
mod oauth;
mod operators;
mod operators_below;
mod order_of_checks;
mod past;
mod past_by_clock;
mod past_lists;
mod plans;
mod preconditions;
mod secrets;
mod self_revoke;
mod service_routes;
mod signing_key_ends;
mod signing_keys;
mod stopping;
mod strangers;
mod tenants;
mod usage;
mod verify;

use serde_json::json;
use support::service::{Actor, Tenant};

/// Runs what must leave no event: a write right before it and one right after it stand side by side in the ledger.
#[track_caller]
fn without_an_event<T>(root: &Actor, act: impl FnOnce() -> T) -> T {
    let marker = root.tenant(&format!("marker-{}", uuid::Uuid::now_v7().simple()), json!({}));
    let write = |name: &str| {
        let written = root.patch(&marker.path(), &json!({"name": name})).expect(200);
        written["position"].as_u64().expect("a position")
    };
    let before = write("before");
    let outcome = act();
    let after = write("after");
    if after != before + 1 {
        // What root read left rows, and these are sealed once a minute: nobody's doing here.
        let feed = format!("/api/admin/v1/ledger/events?from={}&limit={}", before + 1, after - before - 1);
        let between = root.get_caught_up(&feed).expect(200)["data"].as_array().expect("events").clone();
        assert!(between.iter().all(|event| event["type"] == "ledger.activity_sealed"), "{between:?}");
    }
    outcome
}

/// A tenant that is there, and that most tests need no more of.
fn acme(root: &Actor) -> Tenant<'_> {
    root.tenant("acme", json!({}))
}
