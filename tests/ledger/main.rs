//! The ledger on real PostgreSQL, below the service.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod activity;
mod answers;
mod append_sql;
mod doorbell;
mod erasing;
mod leases;
mod once;
mod order;
mod past;
mod privileges;
mod schema;
mod settling;
mod sight;
mod usage;
mod warnings;

use support::batch::Writer;
use support::{Postgres, TestDatabase};
use tokio_postgres::Client;

/// What the append function says of a batch.
const DONE: i16 = 0;
const BEHIND: i16 = 1;
const FENCED: i16 = 2;

async fn start() -> (TestDatabase, Writer) {
    let database = Postgres::database().await;
    let writer = Writer::register(database.role("credledger_append").await).await;
    (database, writer)
}

async fn count(client: &Client, table: &str) -> i64 {
    let counted = client.query_one(&format!("select count(*) from credledger.{table}"), &[]).await;
    counted.expect("a count").get(0)
}
