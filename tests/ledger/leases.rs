//! Who may write: leases, and the clock that is read with them.

use tokio_postgres::Client;
use uuid::Uuid;

use super::start;
use crate::support::Postgres;
use crate::support::batch::{Batch, LEDGER, Writer};

#[tokio::test]
async fn a_lease_is_refused_while_another_node_lives_and_to_a_former_self() {
    let database = Postgres::database().await;
    Writer::register(database.role("credledger_append").await).await;
    let system = database.role("credledger_system").await;
    let (node, other, boot, later) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let hour = 3_600_000i64;
    let (take, renew) = (TAKE, RENEW);
    let steps = [
        ("the first node takes it", take, node, boot, hour, true),
        ("another is refused", take, other, boot, hour, false),
        ("it is renewed", renew, node, boot, hour, true),
        ("a restarted node takes its own over", take, node, later, hour, true),
        ("its former self may not renew", renew, node, boot, hour, false),
        ("the new one lets it lapse", renew, node, later, 0, true),
        ("then another takes it", take, other, boot, hour, true),
        ("and the lapsed one may not renew", renew, node, later, hour, false),
    ];
    for (what, call, node, boot, lease_ms, granted) in steps {
        let row = system.query_one(call, &[&LEDGER, &node, &boot, &lease_ms]).await.expect("an answer");
        assert_eq!(row.get::<_, bool>(0), granted, "{what}");
        assert!(row.get::<_, i64>(1) > 1_700_000_000_000_000 && row.get::<_, i64>(2) == 0, "{what}");
    }
    let released = system
        .query_one("select granted from credledger.lease_release($1, $2, $3)", &[&LEDGER, &other, &boot])
        .await
        .expect("an answer");
    assert!(released.get::<_, bool>(0));
    let row = system.query_one(take, &[&LEDGER, &node, &boot, &hour]).await.expect("an answer");
    assert!(row.get::<_, bool>(0), "a released lease is free at once");
}

const TAKE: &str = "select granted, database_us, head from credledger.lease_take($1, $2, $3, 0, $4)";
const RENEW: &str = "select granted, database_us, head from credledger.lease_renew($1, $2, $3, 0, $4)";

async fn database_us(client: &Client) -> i64 {
    let asked = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
    client.query_one(asked, &[]).await.expect("the time").get(0)
}

/// Runs a call of `client` that comes to wait for a lock; `meanwhile` begins then, and has to let it go.
async fn call_that_waits<M: Future>(
    client: Client,
    (call, node, boot, lease_ms): (&'static str, Uuid, Uuid, i64),
    admin: &Client,
    meanwhile: impl FnOnce() -> M,
) -> (bool, i64) {
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.expect("a pid").get(0);
    let asked = tokio::spawn(async move {
        let row = client.query_one(call, &[&LEDGER, &node, &boot, &lease_ms]).await.expect("an answer");
        (row.get(0), row.get(1))
    });
    let waits = "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
    while admin.query(waits, &[&pid]).await.expect("a look").is_empty() {}
    meanwhile().await;
    asked.await.expect("an answer")
}

#[tokio::test]
async fn the_clock_is_read_in_the_middle_of_a_wait_for_the_head() {
    let (database, writer) = start().await;
    let admin = database.admin().await;
    let (node, boot) = (Uuid::now_v7(), Uuid::now_v7());
    for call in [TAKE, RENEW] {
        writer.client.batch_execute("begin").await.expect("begin");
        let mut batch = Batch::new();
        batch.write(Uuid::now_v7(), 0);
        writer.append(1, &batch).await;
        let system = database.role("credledger_system").await;
        let asked_at = database_us(&admin).await;
        let (mut waiting_at, mut freed_at) = (asked_at, asked_at);
        let (waiting, freed) = (&mut waiting_at, &mut freed_at);
        let (admin, writer) = (&admin, &writer);
        let (granted, middle) =
            call_that_waits(system, (call, node, boot, 3_600_000), admin, || async move {
                // the wait is to be the most of the call: then a reading at either end is far from the middle
                *waiting = database_us(admin).await;
                while *freed < asked_at + 4 * (*waiting - asked_at) {
                    *freed = database_us(admin).await;
                }
                writer.client.batch_execute("commit").await.expect("commit");
            })
            .await;
        let answered_at = database_us(admin).await;
        assert!(granted, "{call}");
        let bounds = i64::midpoint(asked_at, freed_at)..=i64::midpoint(waiting_at, answered_at) + 1;
        assert!(bounds.contains(&middle), "{call}: {middle} is not in {bounds:?}");
    }
}

#[tokio::test]
async fn a_lease_that_lapses_while_another_is_granted_is_not_renewed_beside_it() {
    let (database, _writer) = start().await;
    let admin = database.admin().await;
    let taker = database.role("credledger_system").await;
    let (node, other, boot) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let short = 200i64;
    taker.query_one(TAKE, &[&LEDGER, &node, &boot, &short]).await.expect("a first lease");
    // Another is about to take the lease, and the node asks for a renewal while its own still lives.
    let mut taking = database.admin().await;
    let transaction = taking.transaction().await.expect("begin");
    let lock = "lock table credledger.nodes in share row exclusive mode";
    transaction.batch_execute(lock).await.expect("the taker's lock");
    let renewing = database.role("credledger_system").await;
    let (granted, _) = call_that_waits(renewing, (RENEW, node, boot, 3_600_000), &admin, || async {
        let take = |row: tokio_postgres::Row| row.get::<_, bool>(0);
        let hour = 3_600_000i64;
        while !take(transaction.query_one(TAKE, &[&LEDGER, &other, &boot, &hour]).await.expect("an answer")) {
        }
        transaction.commit().await.expect("commit");
    })
    .await;
    assert!(!granted);
}
