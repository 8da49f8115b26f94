//! The ledger on real PostgreSQL, below the service.

#[path = "../support/mod.rs"]
mod support;

mod append_sql;
mod privileges;
mod schema;
