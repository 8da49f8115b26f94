//! The doorbell, and what it wakes.

use std::time::Duration;

use credledger::domain::Caller;
use credledger::domain::command::Command;
use credledger::domain::event::Actor;
use credledger::domain::ids::TenantId;
use credledger::domain::key_format::KeyFormat;
use credledger::domain::tenant::{Create, Settings, TenantCommand};
use credledger::ledger::doorbell::Doorbell;
use credledger::ledger::execute::Order;
use credledger::ops::house::{Foundation, House, LEDGER};
use uuid::Uuid;

use crate::support::Postgres;

async fn append_something(house: &House) -> u64 {
    let tenant = TenantId(Uuid::now_v7());
    let slug = format!("t-{}", tenant.0.simple());
    let create =
        Create { slug, name: "t".to_owned(), plan: None, settings: Settings::starting(KeyFormat::default()) };
    let order = Order::of(
        tenant.into(),
        Command::Tenant(vec![TenantCommand::Create(create)]),
        Caller { actor: Actor::System, client_ip: None, request_id: "test".to_owned() },
    );
    house.ledger.execute(order).await.expect("a command").position.expect("an event")
}

/// Far beyond what any of this may take: a broken bell fails its test.
async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it comes")
}

#[tokio::test]
async fn who_follows_elsewhere_is_woken_by_the_bell() {
    let database = Postgres::database().await;
    let keys = std::env::temp_dir().join(format!("credledger-doorbell-{}", Uuid::now_v7().simple()));
    let foundation = Foundation::lay(&database.settings(), false, &keys).await.expect("a foundation");
    let house = House::open_beside(&foundation).await.expect("a house");
    let other = House::open_beside(&foundation).await.expect("another house");
    // A poll may be before the bell now and then, never for ever.
    patiently(async {
        while other.ledger.progress().rung == 0 {
            let position = append_something(&house).await;
            assert!(other.ledger.reached_within(position, credledger::limits::ENFORCE_WAIT).await);
        }
    })
    .await;
    house.close().await.expect("a house that closes");
    other.close().await.expect("a house that closes");
    std::fs::remove_file(keys).expect("the master key was there");
}

#[tokio::test]
async fn what_is_appended_last_is_told_before_the_bell_is_taken_down() {
    let database = Postgres::database().await;
    let service = database.open().await;
    let (listening, listener) = Doorbell::new(service.clone(), LEDGER, Uuid::now_v7());
    let hearing = tokio::spawn(listener.run());
    let admin = database.admin().await;
    let listens = "select exists (select from pg_stat_activity where datname = current_database() and state = 'idle' \
                   and query = 'select credledger.doorbell_listen()')";
    patiently(async {
        while !admin.query_one(listens, &[]).await.expect("the sessions").get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (ringing, ringer) = Doorbell::new(service.clone(), LEDGER, Uuid::now_v7());
    ringing.appended.send_replace(1);
    drop(ringing);
    patiently(ringer.run()).await;
    patiently(listening.heard.notified()).await;
    drop(listening);
    hearing.await.expect("it ends with its handle");
    service.close();
}
