//! People who sign in, by a real identity provider (the npm package `oidc-provider`), over HTTP alone.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod admitted;
mod bad_providers;
mod browser;
mod callbacks;
mod demanded;
mod forged;
mod invited;
mod matrix;
mod provider;
mod sessions;
mod tls;
mod world;
