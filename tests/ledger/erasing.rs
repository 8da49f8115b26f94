//! Erasing within the append: with its event, by the command that wins, and of nothing that was read before.

use uuid::Uuid;

use super::{DONE, count, start};
use crate::support::batch::{Batch, LEDGER, Writer};
use crate::support::{Postgres, TestDatabase};

/// A stream of two events, each with a name and metadata.
async fn two_events(writer: &Writer) -> Uuid {
    let stream = Uuid::now_v7();
    let mut batch = Batch::new();
    let command = batch.write(stream, 0);
    batch.events.push((command, stream, 2, None));
    batch.personal.extend([(command, stream, 1, None), (command, stream, 2, None)]);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
    stream
}

/// A command that erases, told in a stream of its own, and guards what it erases of.
fn erase(
    batch: &mut Batch,
    of: (Uuid, i32),
    versions: (i32, i32),
    members: Option<&'static str>,
    values: i64,
) {
    let command = batch.write(Uuid::now_v7(), 0);
    batch.guards.push((command, of.0, of.1));
    batch.erasures.push((command, of.0, versions.0, versions.1, members, values));
}

/// What is left in the personal rows, version by version.
async fn left(database: &TestDatabase, stream: Uuid) -> Vec<(i32, String)> {
    let admin = database.admin().await;
    let sql = "select version, slots::text from credledger.personal where stream_id = $1 order by 1";
    let rows = admin.query(sql, &[&stream]).await.expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

const NAMELESS: &str = r#"{"metadata":["salt",{"n":1e+308}]}"#;

#[tokio::test]
async fn named_members_go_and_the_others_stay_as_they_were_written() {
    let (database, writer) = start().await;
    let stream = two_events(&writer).await;
    let mut batch = Batch::new();
    erase(&mut batch, (stream, 2), (1, 1), Some("{name}"), 1);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
    let now = left(&database, stream).await;
    assert_eq!((now.len(), &now[0]), (2, &(1, NAMELESS.to_owned())));
    let mut batch = Batch::new();
    erase(&mut batch, (stream, 2), (1, 1), Some("{metadata}"), 1);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
    assert_eq!(left(&database, stream).await, now[1..], "a row that holds nothing more is gone");
    let mut batch = Batch::new();
    erase(&mut batch, (stream, 2), (1, 2), None, 2);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
    assert_eq!(left(&database, stream).await, []);
}

#[tokio::test]
async fn a_command_that_loses_erases_nothing() {
    let (database, writer) = start().await;
    let stream = two_events(&writer).await;
    let whole = left(&database, stream).await;
    // The stream has moved on since.
    let mut batch = Batch::new();
    erase(&mut batch, (stream, 1), (1, 2), None, 4);
    assert_eq!(writer.append(1, &batch).await.verdicts, [1]);
    // An earlier command of the batch writes it.
    let mut batch = Batch::new();
    batch.write(stream, 2);
    erase(&mut batch, (stream, 2), (1, 2), None, 4);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0, 1]);
    assert_eq!(left(&database, stream).await, whole);
}

#[tokio::test]
async fn what_was_read_before_an_erasure_is_decided_again() {
    let (_database, writer) = start().await;
    let stream = two_events(&writer).await;
    // Two events stand there; a third is the erasure's. Behind it in the batch nothing is written.
    let mut batch = Batch::new();
    batch.write(Uuid::now_v7(), 0);
    erase(&mut batch, (stream, 2), (1, 1), Some("{name}"), 1);
    batch.write(Uuid::now_v7(), 0);
    assert_eq!(writer.append(1, &batch).await.verdicts, [0, 0, 1]);
    for (seen, verdict) in [(3, 1), (4, 0), (5, 0)] {
        let mut batch = Batch { seen: Some(seen), ..Batch::new() };
        batch.write(Uuid::now_v7(), 0);
        assert_eq!(writer.append(1, &batch).await.verdicts, [verdict], "{seen} were seen");
    }
}

#[tokio::test]
async fn an_erasure_that_no_event_tells_or_that_tells_another_number_is_refused_whole() {
    let (database, writer) = start().await;
    let stream = two_events(&writer).await;
    let whole = left(&database, stream).await;
    for (untold, values) in [(true, 4), (false, 3), (false, 5)] {
        let mut batch = Batch { untold, ..Batch::new() };
        erase(&mut batch, (stream, 2), (1, 2), None, values);
        assert_eq!(writer.refused(1, &batch).await.code(), "CL002", "{untold} {values}");
    }
    assert_eq!(left(&database, stream).await, whole);
    assert_eq!(count(&database.admin().await, "events").await, 2);
}

#[tokio::test]
async fn no_role_of_the_service_takes_a_personal_value_away_by_itself() {
    let database = Postgres::database().await;
    let erase = format!("select credledger.erase_values({LEDGER}, '{}', 1, 1, null)", Uuid::now_v7());
    for role in credledger::db::Role::ALL {
        let client = database.role(role.name()).await;
        for sql in [&*erase, "delete from credledger.personal", "update credledger.personal set slots = '{}'"]
        {
            let refused = client.batch_execute(sql).await.expect_err(sql);
            assert_eq!(refused.code().expect("a state").code(), "42501", "{role:?}: {sql}");
        }
    }
}

#[tokio::test]
async fn the_mac_of_an_erased_name_goes_with_it_and_only_with_it() {
    let (database, writer) = start().await;
    let stream = Uuid::now_v7();
    let mut batch = Batch::new();
    let command = batch.write(stream, 0);
    batch.personal.push((command, stream, 1, None));
    let facts = r#"{"all_tenants": true, "disabled": false, "identity": null, "invited_as": null, "name_version": 1, "reached": [], "role": "root"}"#;
    batch.rows.push((command, "operators", stream, None, 1, facts.to_owned()));
    assert_eq!(writer.append(1, &batch).await.verdicts, [DONE]);
    let admin = database.admin().await;
    admin
        .execute("update credledger.operators set mac = decode(repeat('ab', 72), 'hex')", &[])
        .await
        .expect("a mac");
    for (members, bytes) in [("{metadata}", 72), ("{name}", 36)] {
        let mut batch = Batch::new();
        erase(&mut batch, (stream, 1), (1, 1), Some(members), 1);
        assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
        let row = admin.query_one("select length(mac) from credledger.operators", &[]).await.expect("a row");
        assert_eq!(row.get::<_, i32>(0), bytes, "{members}");
    }
}
