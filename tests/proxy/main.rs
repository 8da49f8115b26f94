//! The service as the authority of real proxies, with the configurations that docs/PROXIES.md gives.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod front;
mod peer;
#[macro_use]
mod promises;
mod apache;
mod caddy;
mod haproxy;
mod nginx;
mod questions;
mod world;
