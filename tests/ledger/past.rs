//! Where the ledger stood at an instant, found by halving: the same as whoever looks at every event finds.

use tokio_postgres::Client;
use uuid::Uuid;

use super::start;
use crate::support::batch::{Batch, LEDGER};

async fn asked(client: &Client, function: &str, of: i64) -> Option<i64> {
    let sql = format!("select credledger.{function}($1, $2)");
    client.query_one(&sql, &[&LEDGER, &of]).await.expect("an answer").get(0)
}

#[tokio::test]
async fn the_last_event_by_an_instant_is_found_however_many_share_one() {
    let (database, writer) = start().await;
    let app = database.role("credledger_app").await;
    for (function, of) in [("position_at", i64::MAX), ("position_at", 0), ("time_of", 0)] {
        assert_eq!(asked(&app, function, of).await, None, "an empty ledger has no {function}");
    }
    // Gaps and crowds: so many events at so many milliseconds, in this order.
    let mut times = Vec::new();
    for (at, events) in [(5, 1), (7, 3), (8, 1), (20, 4), (21, 1), (1000, 2), (1001, 7)] {
        let mut batch = Batch::new();
        for _ in 0..events {
            batch.write(Uuid::now_v7(), 0);
        }
        writer.append(at, &batch).await;
        times.extend(std::iter::repeat_n(at, events));
        let instants = (0..25).chain(998..1004).chain([i64::MIN, -1, i64::MAX]);
        for instant in instants {
            let expected = times.iter().rposition(|time| *time <= instant);
            let expected = expected.map(|position| i64::try_from(position).expect("few"));
            assert_eq!(asked(&app, "position_at", instant).await, expected, "at {instant} of {times:?}");
        }
    }
    for (position, time) in (0..).zip(&times) {
        assert_eq!(asked(&app, "time_of", position).await, Some(*time));
    }
    for beyond in [-1, i64::try_from(times.len()).expect("few"), i64::MAX, i64::MIN] {
        assert_eq!(asked(&app, "time_of", beyond).await, None, "{beyond}");
    }
}

/// Whoever reads for one tenant learns how many events there were, and of no other's more than that.
#[tokio::test]
async fn only_the_role_that_reads_for_operators_may_ask() {
    let (database, _) = start().await;
    for (role, may) in [("credledger_app", true), ("credledger_append", false), ("credledger_writer", false)]
    {
        let client = database.role(role).await;
        for sql in ["select credledger.position_at(1, 0)", "select credledger.time_of(1, 0)"] {
            assert_eq!(client.query(sql, &[]).await.is_ok(), may, "{role}: {sql}");
        }
    }
}
