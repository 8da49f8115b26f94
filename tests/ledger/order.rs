//! One dense order, for whoever reads while others write.

use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use super::{BEHIND, start};
use crate::support::Postgres;
use crate::support::batch::{Batch, Writer};

/// Polls as follow does: everything after the last position it has seen, in order.
struct Reader<'a> {
    client: &'a Client,
    table: &'static str,
    column: &'static str,
    last: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Gap {
    after: i64,
    met: i64,
}

impl Reader<'_> {
    async fn poll(&mut self) -> Result<usize, Gap> {
        let Self { table, column, .. } = self;
        let sql = format!("select {column} from {table} where {column} > $1 order by {column} limit 100");
        let rows = self.client.query(&sql, &[&self.last]).await.expect("a page");
        let mut gap = None;
        for row in &rows {
            let met: i64 = row.get(0);
            if met != self.last + 1 && gap.is_none() {
                gap = Some(Gap { after: self.last, met });
            }
            self.last = met;
        }
        gap.map_or(Ok(rows.len()), Err)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_polling_reader_misses_nothing_of_sixteen_concurrent_writers() {
    const WRITERS: usize = 16;
    const BATCHES: usize = 15;
    let database = Postgres::database().await;
    let mut writing = Vec::new();
    for number in 0..WRITERS {
        let writer = Writer::register(database.role("credledger_append").await).await;
        writing.push(tokio::spawn(async move {
            let mut at_ms = 0;
            let mut written = 0;
            for round in 0..BATCHES {
                let mut batch = Batch::new();
                for _ in 0..=(number + round) % 3 {
                    batch.write(Uuid::now_v7(), 0);
                }
                let mut done = writer.append(at_ms, &batch).await;
                while done.outcome == BEHIND {
                    at_ms = done.last_at_ms.expect("a time") + 1;
                    done = writer.append(at_ms, &batch).await;
                }
                written += done.positions.len();
            }
            written
        }));
    }
    let client = database.role("credledger_system").await;
    let mut reader = Reader { client: &client, table: "credledger.events", column: "position", last: -1 };
    let mut seen = 0;
    while writing.iter().any(|writer| !writer.is_finished()) {
        seen += reader.poll().await.expect("no gap");
        tokio::task::yield_now().await;
    }
    let mut written = 0;
    for writer in writing {
        written += writer.await.expect("a writer");
    }
    loop {
        match reader.poll().await.expect("no gap") {
            0 => break,
            more => seen += more,
        }
    }
    assert_eq!(seen, written);
    let unordered = "select count(*) from credledger.events e join credledger.events f \
                     on f.position = e.position + 1 where f.at_ms < e.at_ms";
    assert_eq!(
        client.query_one(unordered, &[]).await.expect("a count").get::<_, i64>(0),
        0,
        "times decrease"
    );
}

/// The control: what the test above would say of a ledger that takes its order from an identity column.
#[tokio::test]
async fn the_same_reader_over_an_identity_column_loses_events() {
    let database = Postgres::database().await;
    let (slow, quick, client) = (database.admin().await, database.admin().await, database.admin().await);
    client
        .batch_execute(
            "create table public.naive (id bigint generated always as identity (minvalue 0 start 0))",
        )
        .await
        .expect("a table");
    let insert = "insert into public.naive default values";
    slow.batch_execute(&format!("begin; {insert}")).await.expect("the slow writer");
    quick.batch_execute(insert).await.expect("the quick writer");
    let mut reader = Reader { client: &client, table: "public.naive", column: "id", last: -1 };
    assert_eq!(reader.poll().await, Err(Gap { after: -1, met: 1 }));
    slow.batch_execute("commit").await.expect("the slow writer's commit");
    assert_eq!(reader.poll().await, Ok(0), "the event that committed late is never seen");
}

#[tokio::test]
async fn an_append_holds_back_every_other_until_it_has_committed() {
    let (database, slow) = start().await;
    let quick = Writer::register(database.role("credledger_append").await).await;
    let mut batch = Batch::new();
    batch.write(Uuid::now_v7(), 0);
    slow.client.batch_execute("begin").await.expect("begin");
    assert_eq!(slow.append(1, &batch).await.positions, [Some(0)]);
    quick.client.batch_execute("set lock_timeout = '50ms'").await.expect("a setting");
    let mut other = Batch::new();
    other.write(Uuid::now_v7(), 0);
    assert_eq!(quick.refused(1, &other).await.code(), "55P03");
    slow.client.batch_execute("rollback").await.expect("rollback");
    quick.client.batch_execute("set lock_timeout = 0").await.expect("a setting");
    let appended = tokio::time::timeout(Duration::from_secs(60), quick.append(1, &other)).await;
    assert_eq!(appended.expect("an append").positions, [Some(0)], "a rolled back append leaves no gap");
}
