//! The ledger on real PostgreSQL, below the service.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod append_sql;
mod doorbell;
mod privileges;
mod schema;
mod sight;
mod warnings;
