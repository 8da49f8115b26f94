//! What may be used once: over tasks, nodes and restarts one wins at most, and what is over is forgotten by the database's clock.

use std::path::PathBuf;
use std::sync::Arc;

use credledger::clock::Timestamp;
use credledger::domain::ids::{CredentialId, TenantId};
use credledger::ledger::once::{Claim, ClaimError, Kind, Once};
use credledger::limits;
use credledger::ops::house::{Foundation, House, LEDGER};
use uuid::Uuid;

use super::count;
use crate::support::{Postgres, TestDatabase};

const TENANT: TenantId = TenantId(Uuid::from_u128(7));
const OWNER: CredentialId = CredentialId(Uuid::from_u128(8));

struct World {
    database: TestDatabase,
    key_file: PathBuf,
    foundation: Foundation,
}

impl World {
    async fn new() -> World {
        let database = Postgres::database().await;
        let key_file = std::env::temp_dir().join(format!("credledger-once-{}.key", Uuid::now_v7().simple()));
        let foundation = Foundation::lay(&database.settings(), false, &key_file).await.expect("a foundation");
        World { database, key_file, foundation }
    }

    /// With a database of its own to ask, as another process has.
    async fn house(&self) -> House {
        let laid = Foundation::lay(&self.database.settings(), false, &self.key_file).await;
        House::open_beside(&laid.expect("a foundation")).await.expect("a house")
    }

    /// So many seconds from now, by the database's clock.
    async fn in_seconds(&self, seconds: i64) -> Timestamp {
        let now = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
        let now: i64 = self.database.admin().await.query_one(now, &[]).await.expect("the time").get(0);
        Timestamp::from_millis(now + seconds * 1000).expect("a time")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.key_file);
    }
}

fn claim(id: &str, until: Timestamp) -> Claim<'_> {
    Claim { kind: Kind::DpopProof, tenant: TENANT, credential: OWNER, id, until }
}

/// Asks again as long as the service says that it can't tell, which it may while so many tests share the machine.
async fn told(once: &Once, claim: &Claim<'_>) -> bool {
    loop {
        match once.claim(claim).await {
            Ok(first) => return first,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// How many of so many claims of one id win, each asked of one of these in turn.
async fn winners(ways: &[&Once], id: &str, until: Timestamp) -> usize {
    let claims = (0..50).map(|turn| {
        let (once, id) = (ways[turn % ways.len()].clone(), id.to_owned());
        tokio::spawn(async move { once.claim(&claim(&id, until)).await })
    });
    let answers = futures::future::join_all(claims).await;
    answers.into_iter().filter(|answer| matches!(answer, Ok(Ok(true)))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_claim_the_same_one_wins_over_two_nodes_and_after_a_restart_none() {
    let world = World::new().await;
    let (house, other) = (world.house().await, world.house().await);
    let until = world.in_seconds(3600).await;
    assert_eq!(winners(&[&house.once], "one", until).await, 1);
    for round in 0..20 {
        let won = winners(&[&house.once, &other.once], &format!("two {round}"), until).await;
        assert_eq!(won, 1, "{round}");
    }
    house.close().await.expect("a house that closes");
    let again = world.house().await;
    for once in [&again.once, &other.once] {
        assert!(!told(once, &claim("one", until)).await);
    }
    assert!(told(&again.once, &claim("another", until)).await);
    again.close().await.expect("a house that closes");
    other.close().await.expect("a house that closes");
}

#[tokio::test]
async fn an_id_is_that_of_its_kind_its_tenant_and_its_credential() {
    let world = World::new().await;
    let house = world.house().await;
    let first = claim("id", world.in_seconds(3600).await);
    let others = [
        first,
        Claim { kind: Kind::Assertion, ..first },
        Claim { tenant: TenantId(Uuid::from_u128(8)), ..first },
        Claim { credential: CredentialId(Uuid::from_u128(9)), ..first },
    ];
    for other in &others {
        assert!(told(&house.once, other).await, "{other:?}");
    }
    for other in &others {
        assert!(!told(&house.once, other).await, "{other:?}");
    }
    house.close().await.expect("a house that closes");
}

#[tokio::test]
async fn what_is_over_wins_nothing_and_is_forgotten_while_what_is_not_stays() {
    let world = World::new().await;
    let house = world.house().await;
    let writer = world.database.role("credledger_writer").await;
    let forget = "select credledger.forget_claimed($1, 60000, $2)";
    assert!(!told(&house.once, &claim("late", world.in_seconds(-1).await)).await, "its time is over");
    let admin = world.database.admin().await;
    assert_eq!(count(&admin, "claimed_once").await, 0, "and nothing is kept of it");
    for id in ["a", "b", "c"] {
        assert!(told(&house.once, &claim(id, world.in_seconds(3600).await)).await);
    }
    let over = async |until_ms: &str| {
        let of_two = "where digest in (select digest from credledger.claimed_once order by digest limit 2)";
        let over = format!("update credledger.claimed_once set until_ms = {until_ms} {of_two}");
        admin.execute(&over, &[]).await.expect("two are over");
    };
    let gone = async |at_most: i32| -> i64 {
        writer.query_one(forget, &[&LEDGER, &at_most]).await.expect("an answer").get(0)
    };
    over("(extract(epoch from clock_timestamp()) * 1000)::bigint - 1000").await;
    assert_eq!(gone(10).await, 0, "not long enough ago");
    over("1").await;
    assert_eq!(gone(1).await, 1, "so many at a time");
    assert_eq!(gone(10).await, 1);
    assert_eq!(gone(10).await, 0);
    assert_eq!(count(&admin, "claimed_once").await, 1);
    house.close().await.expect("a house that closes");
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_told_the_same() {
    let world = World::new().await;
    let writer = world.database.role("credledger_writer").await;
    let until = world.in_seconds(3600).await.millis();
    let call = "select credledger.claim_once($1, $2, $3, $4, $5, $6, $7)";
    let batch = async |id: u128, digests: &[&str]| -> Vec<i32> {
        let many = digests.len();
        let digests: Vec<_> = digests.iter().map(|digest| digest.as_bytes()).collect();
        let (tenants, kinds, untils) = (vec![TENANT.0; many], vec!["dpop_proof"; many], vec![until; many]);
        let owners = vec![OWNER.0; many];
        let rows = writer
            .query(call, &[&LEDGER, &Uuid::from_u128(id), &tenants, &kinds, &digests, &owners, &untils])
            .await
            .expect("an answer");
        let mut places: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        places.sort_unstable();
        places
    };
    assert_eq!(batch(1, &["a", "b"]).await, [1, 2]);
    assert_eq!(batch(2, &["b", "c"]).await, [2]);
    assert_eq!(batch(1, &["a", "b"]).await, [1, 2], "its answer was lost, and is given again");
    assert_eq!(batch(2, &["b", "c"]).await, [2]);
}

#[tokio::test]
async fn a_full_queue_says_so_and_a_task_that_has_gone_lets_nobody_in() {
    let world = World::new().await;
    let until = world.in_seconds(3600).await;
    let Foundation { database, vault, .. } = &world.foundation;
    let (once, claims) = Once::new(database.clone(), Arc::clone(vault), LEDGER);
    let waiting: Vec<_> = (0..limits::CLAIM_QUEUE)
        .map(|number| {
            let once = once.clone();
            tokio::spawn(async move { once.claim(&claim(&number.to_string(), until)).await })
        })
        .collect();
    while once.waiting() < limits::CLAIM_QUEUE {
        tokio::task::yield_now().await;
    }
    assert_eq!(once.claim(&claim("one more", until)).await, Err(ClaimError::Full));
    drop(claims);
    for waits in waiting {
        assert_eq!(waits.await.expect("an answer"), Err(ClaimError::Unavailable));
    }
    assert_eq!(once.claim(&claim("later", until)).await, Err(ClaimError::Unavailable));
}

#[tokio::test]
async fn without_the_database_nobody_knows_and_afterwards_the_first_wins() {
    let world = World::new().await;
    let house = world.house().await;
    let until = world.in_seconds(3600).await;
    let admin = world.database.admin().await;
    let revoke = "revoke execute on function credledger.claim_once from credledger_writer";
    admin.batch_execute(revoke).await.expect("revoked");
    assert_eq!(house.once.claim(&claim("a", until)).await, Err(ClaimError::Unavailable));
    let grant = "grant execute on function credledger.claim_once to credledger_writer";
    admin.batch_execute(grant).await.expect("granted");
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() \
                 and application_name = 'credledger_writer'";
    admin.query(ended, &[]).await.expect("ended");
    assert!(told(&house.once, &claim("a", until)).await, "also over connections that were lost meanwhile");
    assert!(!told(&house.once, &claim("a", until)).await);
    house.close().await.expect("a house that closes");
}
