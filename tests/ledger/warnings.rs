//! What housekeeping's walks find: of each tenant those that its own window has come to, each once, page after page.

use credledger::clock::Timestamp;
use credledger::db::Lent;
use credledger::projections::list::DuePlace;
use credledger::projections::warnings::{self, Ends, Window};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::Postgres;

const NOW: i64 = 1_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW).expect("an instant")
}

async fn tenant(admin: &Client, number: u128, window_ms: i64) -> Uuid {
    let id = Uuid::from_u128(number);
    let insert = "insert into credledger.tenants (ledger_id, id, tenant_id, version, record, mac, expiry_warning_ms, slug)
                  values (1, $1, $1, 1, '', '', $2, $1::uuid::text)";
    admin.execute(insert, &[&id, &window_ms]).await.expect("a tenant");
    id
}

/// Credentials of a tenant, of which a warning may be due from the first instant on, and which end at the second.
async fn credentials(admin: &Client, tenant: Uuid, count: i32, warnable_from: Option<i64>, end: i64) {
    let insert = "
        insert into credledger.credentials (ledger_id, id, tenant_id, version, record, mac, created_at_ms, kind, suspended, revoked, scopes,
            description_version, name_version, expires_at_ms, warnable_from_ms)
          select 1, gen_random_uuid(), $1, 3, '', '', 1, 'api_key', false, false, '{}', 1, 1, $4, $3 from generate_series(1, $2::int)";
    admin.execute(insert, &[&tenant, &count, &warnable_from, &end]).await.expect("rows");
}

async fn with_rows<T>(test: impl AsyncFnOnce(Lent, [Uuid; 2]) -> T) -> T {
    let database = Postgres::database().await;
    let admin = database.admin().await;
    let tenants = [tenant(&admin, 1, 100).await, tenant(&admin, 2, 5_000).await];
    for tenant in tenants {
        credentials(&admin, tenant, 7, Some(NOW - 10), NOW + 50).await;
        credentials(&admin, tenant, 5, Some(NOW), NOW + 100).await;
        credentials(&admin, tenant, 4, Some(NOW - 500), NOW + 4_000).await;
        // half of a life still to come, and nothing to come at all
        credentials(&admin, tenant, 3, Some(NOW + 1), NOW + 60).await;
        credentials(&admin, tenant, 3, None, NOW + 60).await;
    }
    let service = database.open().await;
    let tested = test(service.system().await.expect("a connection"), tenants).await;
    service.close();
    tested
}

#[tokio::test]
async fn a_walk_over_halves_meets_each_once_and_tells_from_when_its_tenant_is_warned() {
    with_rows(async |system, [short, long]| {
        let (mut after, mut met) = (DuePlace::START, Vec::new());
        loop {
            let page = warnings::warnable(&system, 1, now(), after, 3).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = last.credential.place;
            met.extend(page);
        }
        assert_eq!(met.len(), 2 * 16);
        assert!(met.is_sorted_by_key(|one| (one.credential.place.due_at_ms, one.credential.place.id)));
        let due = |tenant: Uuid| -> Vec<i64> {
            let of_it = met.iter().filter(|one| one.credential.tenant.0 == tenant);
            let mut due: Vec<i64> = of_it.map(|one| one.due_at_ms).collect();
            due.dedup();
            due
        };
        assert_eq!(due(short), [NOW + 3_900, NOW - 10, NOW], "the end less the window, or the half");
        assert_eq!(due(long), [NOW - 500, NOW - 10, NOW]);
    })
    .await;
}

#[tokio::test]
async fn a_walk_over_ends_meets_what_each_window_has_come_to_since_and_no_half_that_is_to_come() {
    with_rows(async |system, [short, long]| {
        let windows = warnings::windows(&system, 1, Uuid::nil(), 500).await.expect("windows");
        let told = |id: Uuid, millis| Window { tenant: credledger::domain::ids::TenantId(id), millis };
        assert_eq!(windows, [told(short, 100), told(long, 5_000)]);
        assert_eq!(warnings::windows(&system, 1, short, 1).await.expect("windows"), windows[1..]);
        // The short window has come from the end at 50 to that at 100; the other, from none to all.
        let ends = |window: &Window, after| Ends {
            tenant: window.tenant,
            after: DuePlace { due_at_ms: after, id: Uuid::max() },
            until_ms: NOW + window.millis,
        };
        let mut looked_at = vec![ends(&windows[0], NOW + 50), ends(&windows[1], 0)];
        let mut met = Vec::new();
        loop {
            let page = warnings::entering(&system, 1, now(), &looked_at, 4).await.expect("a page");
            let Some((number, last)) = page.last().cloned() else { break };
            looked_at.drain(..number);
            looked_at[0].after = last.place;
            met.extend(page.into_iter().map(|(_, due)| due));
        }
        let count = |tenant, end| {
            let here = met.iter().filter(|due| due.tenant.0 == tenant && due.place.due_at_ms == NOW + end);
            here.count()
        };
        assert_eq!([50, 100, 4_000].map(|end| count(short, end)), [0, 5, 0]);
        assert_eq!([50, 100, 4_000].map(|end| count(long, end)), [7, 5, 4]);
        assert_eq!(met.len(), 5 + 16);
        assert!(met.iter().all(|due| due.events == 3));
    })
    .await;
}
