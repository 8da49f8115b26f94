//! One contract, two stores: the ledger on real PostgreSQL, and the model's memory. What holds of one holds of the other.

use std::sync::Arc;

use credledger::clock::Timestamp;
use credledger::domain::client_format::ClientFormat;
use credledger::domain::command::{Asked, Command, Seen};
use credledger::domain::credential::{self, CredentialEvent, SecretFacts};
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::{ClientId, SecretId, StreamId, TenantId};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::key_format::KeyFormat;
use credledger::domain::personal::Personal;
use credledger::domain::rate_limit::OwnRateLimit;
use credledger::domain::secret::{Digest, PepperNumber};
use credledger::domain::stream::{Lifecycle, StreamState};
use credledger::domain::tenant::{self, Settings, TenantCommand};
use credledger::domain::{Caller, Context, Fresh};
use credledger::ledger::store::{LedgerStore, StoreError};
use credledger::ops::house::{Foundation, House};
use eventually::aggregate::AggregateRootBuilder;
use eventually::repository::{Error, Repository};
use eventually::store::{AppendError, EventStore, Expected, Persisted, Select};
use eventually::versioning::Versioned;
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::memory::MemoryStore;
use crate::support::Postgres;

/// The ledger of a database of its own.
async fn with_ledger<T>(test: impl AsyncFnOnce(LedgerStore) -> T) -> T {
    let database = Postgres::database().await;
    let keys = std::env::temp_dir().join(format!("credledger-model-{}", Uuid::now_v7().simple()));
    let foundation = Foundation::lay(&database.settings(), false, &keys).await.expect("a foundation");
    let house = House::open_beside(&foundation).await.expect("a house");
    let tested = test(LedgerStore::new(house.ledger.clone())).await;
    house.close().await.expect("an orderly end");
    std::fs::remove_file(keys).expect("the master key was there");
    tested
}

/// Each promise, kept by both.
macro_rules! contract {
    ($($promise:ident)*) => {
        mod memory { $(
            #[tokio::test]
            async fn $promise() {
                super::$promise(super::MemoryStore::default()).await;
            }
        )* }
        mod ledger { $(
            #[tokio::test]
            async fn $promise() {
                super::with_ledger(async |store| super::$promise(store).await).await;
            }
        )* }
    };
}

contract! {
    an_unknown_stream_is_at_version_0_and_empty
    what_was_appended_comes_back_in_order
    an_expected_version_behind_or_ahead_of_the_stream_is_a_conflict
    the_later_of_two_roots_on_one_state_is_a_conflict
    appending_at_any_version_never_conflicts
    appending_nothing_tells_the_version
    all_streams_come_in_one_order_without_gaps
    nothing_is_ever_removed
    what_does_not_fold_or_belong_is_not_appended
}

trait Store: EventStore<SourceId = StreamId, Event = Recorded, Error = StoreError> + Clone {}
impl<S: EventStore<SourceId = StreamId, Event = Recorded, Error = StoreError> + Clone> Store for S {}

struct NoneFresh;

impl Fresh for NoneFresh {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn secret(&self, _: &KeyFormat) -> SecretFacts {
        unreachable!("a tenant has no secret")
    }

    fn client(&self, _: &ClientFormat, _: Option<&ClientId>) -> SecretFacts {
        unreachable!("a tenant is no client")
    }

    fn client_without_secret(&self, _: &ClientFormat) -> SecretFacts {
        unreachable!("a tenant is no client")
    }
}

fn stream_id() -> StreamId {
    StreamId(Uuid::now_v7())
}

fn asked(command: TenantCommand) -> Asked {
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "contract".into() };
    let context = Context { now: Timestamp::default(), caller, fresh: Arc::new(NoneFresh) };
    let command = Command::Tenant(vec![command]);
    Asked { command, seen: Seen::default(), context, if_versions: None }
}

fn create(id: StreamId) -> TenantCommand {
    let settings = Settings::starting(KeyFormat::default());
    TenantCommand::Create(tenant::Create { slug: id.to_string(), name: "Acme".into(), plan: None, settings })
}

fn rename(name: &str) -> TenantCommand {
    TenantCommand::Edit(tenant::Edit { name: Some(name.into()), plan: None })
}

/// The events that commands amount to, one after the other, on a stream in this state.
fn decided(id: StreamId, mut state: StreamState, commands: Vec<TenantCommand>) -> Vec<Recorded> {
    let mut all = Vec::new();
    for command in commands {
        let events = asked(command).decide(id, &state).expect("accepted");
        for event in events {
            state = state.folded(event.clone()).expect("it folds");
            all.push(event);
        }
    }
    all
}

async fn events<S: Store>(store: &S, id: StreamId, select: Select) -> Vec<Persisted<StreamId, Recorded>> {
    store.stream(id, select).await.expect("a stream").try_collect().await.expect("events")
}

fn repository<S: Store>(store: &S) -> Repository<Lifecycle, S> {
    Repository::new(AggregateRootBuilder::from(Lifecycle), store.clone())
}

async fn an_unknown_stream_is_at_version_0_and_empty<S: Store>(store: S) {
    let id = stream_id();
    let root = repository(&store).get(id).await.expect("a root");
    assert_eq!((root.version(), root.state()), (0, &StreamState::Empty));
    assert_eq!(events(&store, id, Select::All).await, []);
}

async fn what_was_appended_comes_back_in_order<S: Store>(store: S) {
    let (id, mut repository) = (stream_id(), repository(&store));
    let mut root = repository.get(id).await.expect("a root");
    root.handle(asked(create(id))).await.expect("created");
    root.handle(asked(rename("Acme Ltd"))).await.expect("renamed");
    let root = repository.add(root).await.expect("appended");
    assert_eq!(root.version(), 2);
    let mut root = repository.get(id).await.expect("a root");
    assert_eq!(root.version(), 2);
    root.handle(asked(TenantCommand::Suspend(tenant::Suspend))).await.expect("suspended");
    assert_eq!(repository.add(root).await.expect("appended").version(), 3);
    let kinds = |events: Vec<Persisted<StreamId, Recorded>>| -> Vec<_> {
        events.iter().map(|event| (event.version(), event.event.kind().name)).collect()
    };
    let all = [(1, "tenant.created"), (2, "tenant.edited"), (3, "tenant.suspended")];
    assert_eq!(kinds(events(&store, id, Select::All).await), all);
    assert_eq!(kinds(events(&store, id, Select::From(2)).await), all[1..], "from is inclusive");
    assert_eq!(kinds(events(&store, id, Select::From(4)).await), []);
    let root = repository.get(id).await.expect("a root");
    let tenant = root.tenant().expect("a tenant");
    assert_eq!(
        (tenant.name.known().map(String::as_str), tenant.suspended_at.is_some()),
        (Some("Acme Ltd"), true)
    );
}

async fn an_expected_version_behind_or_ahead_of_the_stream_is_a_conflict<S: Store>(mut store: S) {
    let id = stream_id();
    let both = decided(id, StreamState::Empty, vec![create(id), rename("b")]);
    for ahead in [1, 7, u32::MAX] {
        let refused = store.append(id, Expected::Exact(ahead), both.clone()).await.expect_err("ahead");
        assert!(refused.is_conflict_error(), "{refused}");
    }
    assert_eq!(store.append(id, Expected::Exact(0), both.clone()).await.expect("appended"), 2);
    for other in [0, 1, 3] {
        let refused = store.append(id, Expected::Exact(other), both.clone()).await.expect_err("a conflict");
        assert!(refused.is_conflict_error(), "{refused}");
    }
    assert_eq!(events(&store, id, Select::All).await.len(), 2, "what conflicts writes nothing");
}

async fn the_later_of_two_roots_on_one_state_is_a_conflict<S: Store>(store: S) {
    let (id, mut repository) = (stream_id(), repository(&store));
    let mut root = repository.get(id).await.expect("a root");
    root.handle(asked(create(id))).await.expect("created");
    repository.add(root).await.expect("appended");
    let (mut one, mut other) =
        (repository.get(id).await.expect("one"), repository.get(id).await.expect("two"));
    one.handle(asked(rename("one"))).await.expect("renamed");
    other.handle(asked(rename("other"))).await.expect("renamed");
    assert_eq!(repository.add(one).await.expect("the earlier").version(), 2);
    let Err(Error::Store(refused)) = repository.add(other).await else { panic!("the later went through") };
    assert!(refused.is_conflict_error(), "{refused}");
    let root = repository.get(id).await.expect("a root");
    assert_eq!(root.tenant().and_then(|tenant| tenant.name.known()).map(String::as_str), Some("one"));
}

async fn appending_at_any_version_never_conflicts<S: Store>(mut store: S) {
    let id = stream_id();
    let both = decided(id, StreamState::Empty, vec![create(id), rename("b")]);
    store.append(id, Expected::Any, both.clone()).await.expect("appended");
    let again = both[1..].to_vec();
    assert_eq!(store.append(id, Expected::Any, again).await.expect("appended"), 3);
    let versions: Vec<_> = events(&store, id, Select::All).await.iter().map(Persisted::version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

async fn appending_nothing_tells_the_version<S: Store>(mut store: S) {
    let id = stream_id();
    assert_eq!(store.append(id, Expected::Exact(0), Vec::new()).await.expect("nothing to do"), 0);
    let created = decided(id, StreamState::Empty, vec![create(id)]);
    store.append(id, Expected::Exact(0), created).await.expect("appended");
    assert_eq!(store.append(id, Expected::Any, Vec::new()).await.expect("nothing to do"), 1);
    let stale = store.append(id, Expected::Exact(0), Vec::new()).await.expect_err("stale all the same");
    assert!(stale.is_conflict_error());
}

async fn all_streams_come_in_one_order_without_gaps<S: Store>(mut store: S) {
    let (one, other) = (stream_id(), stream_id());
    for id in [one, other] {
        let created = decided(id, StreamState::Empty, vec![create(id)]);
        store.append(id, Expected::Exact(0), created).await.expect("appended");
    }
    let renamed = store.stream(one, Select::All).await.expect("a stream");
    let created: Vec<_> = renamed.map_ok(Persisted::take).try_collect().await.expect("events");
    let state =
        created.into_iter().fold(StreamState::Empty, |state, event| state.folded(event).expect("folds"));
    store.append(one, Expected::Exact(1), decided(one, state, vec![rename("b")])).await.expect("appended");
    let all: Vec<_> = store.stream_all(Select::All).await.expect("all").try_collect().await.expect("events");
    let order: Vec<_> =
        all.iter().map(|event| (event.sequence_number(), *event.source_id(), event.version())).collect();
    assert_eq!(order, [(0, one, 1), (1, other, 1), (2, one, 2)]);
    let later = store.stream_all(Select::From(2)).await.expect("all").try_collect::<Vec<_>>().await;
    assert_eq!(later.expect("events"), all[2..], "from is inclusive");
    let beyond = store.stream_all(Select::From(3)).await.expect("all").try_collect::<Vec<_>>().await;
    assert_eq!(beyond.expect("events"), []);
}

async fn nothing_is_ever_removed<S: Store>(store: S) {
    let (id, mut repository) = (stream_id(), repository(&store));
    let mut root = repository.get(id).await.expect("a root");
    root.handle(asked(create(id))).await.expect("created");
    repository.add(root).await.expect("appended");
    let refused = repository.remove(id).await;
    assert!(matches!(refused, Err(Error::Store(StoreError::AppendOnly))), "{refused:?}");
    assert_eq!(repository.get(id).await.expect("a root").version(), 1);
}

async fn what_does_not_fold_or_belong_is_not_appended<S: Store>(mut store: S) {
    let (id, other) = (stream_id(), stream_id());
    let both = decided(id, StreamState::Empty, vec![create(id), rename("b")]);
    let foreign = store.append(other, Expected::Exact(0), both.clone()).await.expect_err("foreign");
    assert!(matches!(foreign, StoreError::ForeignEvent(found) if found == id), "{foreign}");
    let unborn = store.append(id, Expected::Exact(0), both[1..].to_vec()).await.expect_err("unborn");
    assert!(matches!(unborn, StoreError::Unfoldable(_)) && !unborn.is_conflict_error(), "{unborn}");
    let half = vec![both[0].clone(), both[0].clone()];
    let half = store.append(id, Expected::Exact(0), half).await.expect_err("half of it does not fold");
    assert!(matches!(half, StoreError::Unfoldable(_)), "{half}");
    assert_eq!(events(&store, id, Select::All).await, []);
    assert_eq!(store.append(id, Expected::Exact(0), both).await.expect("the writer goes on"), 2);
}

// ---- what only a database can get wrong ----

fn created_with(id: StreamId, metadata: Map<String, Value>) -> Recorded {
    let tenant = TenantId(Uuid::from_u128(1));
    let secret = SecretFacts {
        id: SecretId(Uuid::now_v7()),
        client_id: None,
        prefix: id.to_string(),
        pepper: PepperNumber(1),
        digest: Digest::new([7; 32]),
    };
    let created = credential::Created {
        tenant_id: tenant,
        name: Personal::Known("numbers".into()),
        description: Personal::Known(String::new()),
        metadata: Personal::Known(metadata),
        scopes: Vec::new(),
        expires_at: None,
        ip_rules: IpRules::default(),
        rate_limit: OwnRateLimit::Default,
        owner: None,
        registration: None,
        secret,
    };
    Recorded {
        stream: id,
        version: 1,
        tenant: Some(tenant),
        at: Timestamp::default(),
        actor: Actor::System,
        client_ip: None,
        request_id: "numbers".into(),
        event: Event::Credential(credential::Kind::ApiKey, CredentialEvent::Created(created)),
    }
}

/// As doubles: the database may spell a number in another way, never change it.
fn numbers(event: &Recorded) -> Vec<f64> {
    let members = event.event.members();
    let list = members["metadata"]["numbers"].as_array().expect("a list").clone();
    list.iter().map(|number| number.as_f64().expect("a number")).collect()
}

async fn read_back(store: &mut LedgerStore, list: Value) -> (Vec<f64>, Vec<f64>) {
    let id = stream_id();
    let created = created_with(id, Map::from_iter([("numbers".to_owned(), list)]));
    store.append(id, Expected::Exact(0), vec![created.clone()]).await.expect("appended");
    let read = events(store, id, Select::All).await;
    (numbers(&created), numbers(&read[0]))
}

#[tokio::test]
async fn the_ledger_reads_every_number_back_as_it_was_committed() {
    let edges = json!([
        1e16,
        -0.0,
        1.0,
        1e21,
        1e300,
        -1e300,
        5e-324,
        1e-7,
        31.245270191439438,
        100.78399658203125,
        u64::MAX,
        i64::MIN,
        9007199254740993u64,
        1.152921504606847e18,
        f64::MAX,
        f64::MIN_POSITIVE
    ]);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut random = |kind: BoxedStrategy<f64>| -> Value {
        let list = proptest::collection::vec(kind, 500).new_tree(&mut runner).expect("a list");
        json!(proptest::strategy::ValueTree::current(&list))
    };
    let any_doubles = random(proptest::num::f64::NORMAL.boxed());
    let near_integers = random((1e15f64..1e22).prop_map(f64::round).boxed());
    let everyday = random((-1000f64..1000.0).boxed());
    with_ledger(async |mut store| {
        for list in [edges, any_doubles, near_integers, everyday] {
            let (committed, read) = read_back(&mut store, list).await;
            assert_eq!(committed, read);
        }
    })
    .await;
}
