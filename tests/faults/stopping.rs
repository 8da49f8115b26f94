//! A stop ends, whatever the database does; its exit code says whether everything that was begun could be finished.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use crate::library;
use crate::proxy::Proxy;
use crate::support::service::{Service, eventually};
use crate::support::{Postgres, TestDatabase};

/// A service whose database can be made to hang.
fn behind_a_proxy() -> (Service, Proxy, TestDatabase) {
    let database = library::block_on(Postgres::database());
    let proxy = Proxy::to(&database.url);
    let (url, admin_url) = (proxy.url(&database.url), database.admin_url.clone());
    let flags =
        ["--database-url", &url, "--database-admin-url", &admin_url, "--allow-unsafe-database", "true"];
    (Service::start_private(&flags), proxy, database)
}

#[test]
fn a_stop_with_nothing_in_hand_is_orderly_though_the_database_hangs() {
    let (mut service, proxy, _database) = behind_a_proxy();
    proxy.freeze();
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}

#[test]
fn a_stop_that_cannot_finish_what_was_submitted_ends_all_the_same_and_says_what_was_left() {
    let (mut service, proxy, _database) = behind_a_proxy();
    let root = service.root();
    let path = format!("{}/keys", root.tenant("acme", json!({})).path());
    proxy.freeze_at("credledger.append(");
    let body = json!({"name": "submitted"}).to_string();
    let request = root.request("POST", &path).header("Content-Type", "application/json");
    let head = request.header("Content-Length", &body.len().to_string()).head_bytes(&service.address());
    let mut caller = TcpStream::connect(service.address()).expect("an open door");
    caller.write_all(&[head.as_slice(), body.as_bytes()].concat()).expect("a request");
    eventually(|| proxy.is_frozen().then_some(())).expect("the append is under way");
    // Who asked is gone; what was begun goes on without it.
    drop(caller);
    assert_eq!(service.stop(), Some(1), "{}", service.log());
    let log = service.log();
    assert!(log.contains("the stop waits no longer for the database"), "{log}");
    assert!(log.contains("was left with: the sequencer, following."), "{log}");
}

#[test]
fn a_start_that_waits_for_a_database_that_hangs_is_stopped_too() {
    let (mut service, proxy, _database) = behind_a_proxy();
    assert_eq!(service.stop(), Some(0));
    proxy.freeze_at("credledger.lease_take");
    let mut starting = service.begin_start();
    eventually(|| proxy.is_frozen().then_some(())).expect("the start is under way");
    crate::support::service::signal_process(starting.id(), "-TERM");
    assert_eq!(starting.wait().expect("it ends").code(), Some(0), "{}", service.log());
}
