//! Calls that were served, in the database: who reaches them, and that they are written once (P1, P8).

use credledger::db::Sight;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::Postgres;

const LEDGER: i32 = 1;

struct Hand {
    writer: Client,
    node: Uuid,
    boot: Uuid,
}

impl Hand {
    async fn begin(&self) -> i64 {
        let begin = "select next_seq from credledger.begin_activity($1, $2, $3)";
        self.writer.query_one(begin, &[&LEDGER, &self.node, &self.boot]).await.expect("begun").get(0)
    }

    /// One call of a tenant, of now.
    async fn write(&self, seq: i64, tenant: Uuid) -> Result<bool, String> {
        const WRITE: &str = "select credledger.write_activity($1, $2, $3, $4, array[$5::uuid], array[null]::uuid[], array[false], \
            array[$6::uuid], array[$6::uuid], array[null]::uuid[], array['api_key'], array['accepted'], array[null]::smallint[], \
            array[null]::int[], array[null]::text[], array[null]::text[], array[null]::text[], array[null]::text[], array[null]::inet[], \
            array[null]::text[], array[null]::text[], array[''::bytea], array[]::uuid[], array[]::bytea[], array[]::bytea[], array[]::bytea[], 0)";
        let id = Uuid::now_v7();
        let written =
            self.writer.query_one(WRITE, &[&LEDGER, &self.node, &self.boot, &seq, &id, &tenant]).await;
        written.map(|row| row.get(0)).map_err(|refused| refused.code().expect("a state").code().to_owned())
    }
}

async fn today(writer: &Client) -> i32 {
    let today = "select (clock_timestamp() at time zone 'UTC')::date - date '1970-01-01'";
    writer.query_one(today, &[]).await.expect("a day").get(0)
}

async fn days(writer: &Client) {
    let today = today(writer).await;
    let make = "select credledger.make_activity_days($1, $2)";
    writer.query_one(make, &[&(today - 1), &(today + 1)]).await.expect("days");
    let again: i32 = writer.query_one(make, &[&(today - 1), &(today + 1)]).await.expect("days").get(0);
    assert_eq!(again, 0, "they are there");
}

#[tokio::test]
async fn a_batch_is_written_once_in_its_turn_and_by_the_process_of_now_alone() {
    let database = Postgres::database().await;
    let writer = || database.role("credledger_writer");
    let node = Uuid::now_v7();
    let old = Hand { writer: writer().await, node, boot: Uuid::now_v7() };
    days(&old.writer).await;
    assert_eq!(old.begin().await, 1);
    let tenant = Uuid::now_v7();
    assert_eq!(old.write(1, tenant).await, Ok(true));
    assert_eq!(old.write(1, tenant).await, Ok(false), "it is there");
    assert_eq!(old.write(3, tenant).await, Err("CL002".to_owned()), "a gap");
    let new = Hand { writer: writer().await, node, boot: Uuid::now_v7() };
    assert_eq!(new.begin().await, 2);
    assert_eq!(old.write(2, tenant).await, Err("CL002".to_owned()), "another process writes now");
    assert_eq!(new.write(2, tenant).await, Ok(true));
    let count = database.admin().await.query_one("select count(*) from credledger.activity", &[]).await;
    assert_eq!(count.expect("a count").get::<_, i64>(0), 2);
}

#[tokio::test]
async fn the_service_reaches_calls_through_their_functions_alone_and_tenants_see_their_own() {
    let database = Postgres::database().await;
    let hand =
        Hand { writer: database.role("credledger_writer").await, node: Uuid::now_v7(), boot: Uuid::now_v7() };
    days(&hand.writer).await;
    hand.begin().await;
    let tenants = [Uuid::now_v7(), Uuid::now_v7()];
    for (seq, tenant) in (1..).zip(tenants) {
        assert_eq!(hand.write(seq, tenant).await, Ok(true));
    }
    let today = today(&hand.writer).await;
    let partition = "select 'credledger.activity_' || to_char(date '1970-01-01' + $1::int, 'YYYYMMDD')";
    let partition: String = hand.writer.query_one(partition, &[&today]).await.expect("a name").get(0);
    for role in ["credledger_append", "credledger_writer", "credledger_app", "credledger_login"] {
        let client = database.role(role).await;
        for sql in [
            "insert into credledger.activity (ledger_id) values (1)".to_owned(),
            "update credledger.activity set error = null".to_owned(),
            "delete from credledger.activity".to_owned(),
            "truncate credledger.activity".to_owned(),
            "select * from credledger.activity_nodes".to_owned(),
            "update credledger.activity_nodes set next_seq = 1".to_owned(),
            format!("select * from {partition}"),
            format!("drop table {partition}"),
            format!("alter table credledger.activity detach partition {partition}"),
        ] {
            assert!(client.batch_execute(&sql).await.is_err(), "{role}: {sql}");
        }
    }
    // What is younger than a week stays, and nobody makes partitions without end.
    for day in [today, today - 6] {
        let drop = hand.writer.query_one("select credledger.drop_activity_day($1)", &[&day]).await;
        assert!(drop.is_err(), "{day}");
    }
    let many = hand.writer.query_one("select credledger.make_activity_days($1, $2)", &[&0, &1000]).await;
    assert!(many.is_err());
    let pool = database.open().await;
    for tenant in tenants {
        let scope = pool.scope(Sight::Tenant(tenant)).await.expect("a scope");
        let rows = scope.query("select tenant_id from credledger.activity", &[]).await.expect("rows");
        assert_eq!(rows.iter().map(|row| row.get::<_, Uuid>(0)).collect::<Vec<_>>(), [tenant]);
        scope.finish().await.expect("an end");
    }
}
