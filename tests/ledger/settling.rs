//! What became of a batch whose connection broke.

use tokio_postgres::Client;
use uuid::Uuid;

use super::{DONE, FENCED, count, start};
use crate::support::batch::{Batch, LEDGER};

async fn settle(
    client: &Client,
    writer: Uuid,
    batch: Uuid,
) -> (i64, bool, Option<Vec<i16>>, Option<Vec<Option<i64>>>) {
    let row = client
        .query_one("select * from credledger.settle($1, $2, $3)", &[&LEDGER, &writer, &batch])
        .await
        .expect("a settlement");
    (row.get("epoch"), row.get("known"), row.get("verdicts"), row.get("positions"))
}

#[tokio::test]
async fn a_settled_batch_is_told_truly_and_its_late_copy_never_commits() {
    let (database, mut writer) = start().await;
    let mut committed = Batch::new();
    committed.write(Uuid::now_v7(), 0);
    writer.append(1, &committed).await;
    let other = database.role("credledger_append").await;
    let (epoch, known, verdicts, positions) = settle(&other, writer.writer, committed.id).await;
    assert_eq!((epoch, known, verdicts, positions), (2, true, Some(vec![0]), Some(vec![Some(0)])));

    writer.epoch = epoch;
    let mut lost = Batch::new();
    lost.write(Uuid::now_v7(), 0);
    let (epoch, known, verdicts, _) = settle(&other, writer.writer, lost.id).await;
    assert_eq!((known, verdicts), (false, None));
    assert_eq!(writer.append(1, &lost).await.outcome, FENCED);
    writer.epoch = epoch;
    assert_eq!(writer.append(1, &lost).await.outcome, DONE);
    assert_eq!(writer.append(1, &lost).await.outcome, FENCED, "the same batch twice");
    assert_eq!(count(&database.admin().await, "events").await, 2);
}

#[tokio::test]
async fn settling_waits_for_a_batch_that_is_still_running() {
    let (database, writer) = start().await;
    let mut batch = Batch::new();
    batch.write(Uuid::now_v7(), 0);
    writer.client.batch_execute("begin").await.expect("begin");
    writer.append(1, &batch).await;
    let other = database.role("credledger_append").await;
    let pid: i32 = other.query_one("select pg_backend_pid()", &[]).await.expect("a pid").get(0);
    let (id, batch) = (writer.writer, batch.id);
    let settling = tokio::spawn(async move { settle(&other, id, batch).await });
    let admin = database.admin().await;
    let waits = "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
    while admin.query(waits, &[&pid]).await.expect("a look").is_empty() {}
    writer.client.batch_execute("commit").await.expect("commit");
    assert!(settling.await.expect("settled").1, "the batch that committed meanwhile is known");
}
