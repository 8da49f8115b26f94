//! OAuth and JWT libraries of other languages, and a reader of tables, unmodified, against the running service. What scripts/test installs for them stands
//! in libraries/, beside the short programs that use them.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod exports;
mod programs;
mod tokens;
