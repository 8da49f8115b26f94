//! What the ledger promises, while processes are killed, stopped and cut off, rows forged, and everybody writes at once.
//! Each test is named after the promise that it would find broken.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/library.rs"]
mod library;
#[path = "../support/processes.rs"]
mod processes;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/random.rs"]
mod random;

mod activity;
mod activity_spool;
mod canary;
mod clock;
mod crash;
mod cut_off;
mod erased;
mod expiring;
mod forged_trail;
mod forged_validity;
mod forgery;
mod lease;
mod moving_in;
mod oauth;
mod order;
mod outage;
mod quiet;
mod races;
mod rebuild;
mod repeats;
mod settle;
mod signing_keys;
mod stopping;
mod usage;
mod warned;

use proxy::Proxy;
use support::service::Service;
use support::{Postgres, TestDatabase};

/// A service whose database can be made to hang, or to be away.
pub fn behind_a_proxy(made: fn(&[&str]) -> Service, more: &[&str]) -> (Service, Proxy, TestDatabase) {
    let database = library::block_on(Postgres::database());
    let proxy = Proxy::to(&database.url);
    let (url, admin_url) = (proxy.url(&database.url), database.admin_url.clone());
    let mut flags =
        vec!["--database-url", &url, "--database-admin-url", &admin_url, "--allow-unsafe-database", "true"];
    flags.extend(more);
    (made(&flags), proxy, database)
}
