//! The service as the authority of a real proxy, with the configuration that docs/PROXIES.md gives.

#[path = "../support/mod.rs"]
mod support;

mod application;
mod nginx;
