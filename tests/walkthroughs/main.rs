//! The rows of the mission, each a black-box test named after its row: HTTP to the real binary, and nothing else.
// The bans are the service's: whoever calls it has a clock and ids of its own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod own;
mod velgent;
mod velgent_clients;
mod velgent_tokens;
mod vergeos;
mod vilvik;
