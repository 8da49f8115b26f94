//! Answers kept for repeats (P10).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use credledger::domain::Caller;
use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::event::Actor;
use credledger::domain::ids::{OperatorId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::operator::{self, OperatorCommand, Reach};
use credledger::domain::tenant::{Create, Settings, TenantCommand};
use credledger::ledger::execute::{Answer, Executed, Order, Retry};
use credledger::ops::house::{Foundation, House};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::support::Postgres;

/// As an answer with the last use of a key: what it says is another thing each time it is looked at.
async fn create(
    house: &House,
    (tenant, operator): (TenantId, OperatorId),
    looks: &Arc<AtomicU64>,
) -> Executed {
    let create = Create {
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        plan: None,
        settings: Settings::starting(KeyFormat::default()),
    };
    let caller = Caller { actor: Actor::Operator(operator), client_ip: None, request_id: "test".to_owned() };
    let looks = looks.clone();
    let order = Order {
        retry: Some(Retry { key: "a key of this request alone".to_owned(), request_digest: [7; 32] }),
        render: Arc::new(move |_, _, _| {
            let looked = json!(looks.fetch_add(1, Ordering::SeqCst));
            Answer { status: 201, body: Map::from_iter([("looked".to_owned(), looked)]) }
        }),
        ..Order::of(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)]), caller)
    };
    house.ledger.execute(order).await.expect("a command")
}

async fn first_operator(house: &House) -> OperatorId {
    let id = OperatorId(Uuid::now_v7());
    let create = operator::Create {
        name: "root".to_owned(),
        role: Role::Root,
        reach: Reach::All,
        first: true,
        token: None,
    };
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "test".to_owned() };
    let command = Command::Operator(vec![OperatorCommand::Create(create)]);
    house.ledger.execute(Order::of(id.into(), command, caller)).await.expect("a command");
    id
}

#[tokio::test]
async fn p10_what_a_repeat_is_told_is_what_was_told_first_and_not_looked_at_again() {
    let database = Postgres::database().await;
    let keys = std::env::temp_dir().join(format!("credledger-answers-{}", Uuid::now_v7().simple()));
    let foundation = Foundation::lay(&database.settings(), false, &keys).await.expect("a foundation");
    let house = House::open_beside(&foundation).await.expect("a house");
    let who = (TenantId(Uuid::now_v7()), first_operator(&house).await);
    let looks = Arc::new(AtomicU64::new(0));
    let first = create(&house, who, &looks).await;
    assert!(first.changed && !first.replayed);
    let again = create(&house, who, &looks).await;
    assert!(again.replayed);
    assert_eq!((again.answer, again.position), (first.answer, first.position));
    house.close().await.expect("a house that closes");
    std::fs::remove_file(keys).expect("the master key was there");
}
