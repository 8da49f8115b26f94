//! The service as the authority of a real proxy, with the configuration that docs/PROXIES.md gives.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod application;
mod nginx;
