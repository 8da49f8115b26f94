//! What a history left in the database: exactly its events, and one view whichever way it is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use credledger::domain::credential::{CredentialEvent, SecretFacts};
use credledger::domain::erasure::ErasureEvent;
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::operator::OperatorEvent;
use credledger::domain::personal::Personal;
use credledger::domain::secret::{Digest, PepperNumber};
use credledger::ledger::Applier;
use credledger::ledger::read::{Positioned, Reader};
use credledger::ops::house::LEDGER;
use credledger::projections::active::ActiveView;
use credledger::projections::load::load;
use credledger::vault::{MasterKeys, Vault};

use crate::run::Run;
use crate::support::service::Service;

const PAGE: i64 = 1000;

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn vault(service: &Service) -> Arc<Vault> {
    let keys = MasterKeys::read(&service.data_dir().join("master.key")).expect("the service's master key");
    Arc::new(Vault::new(&keys))
}

/// Those from a position on, before another.
pub async fn events(service: &Service, first: u64, end: u64) -> Vec<Positioned> {
    let database = service.database.as_ref().expect("a database of the tests").open().await;
    let reader = Reader { ledger: LEDGER, vault: vault(service) };
    let (mut all, mut next) = (Vec::new(), first);
    loop {
        let client = database.system().await.expect("a connection");
        let page = reader.events(&client, next, PAGE).await.expect("every event has its mac and is read");
        let Some(last) = page.last() else { break };
        next = last.position + 1;
        all.extend(page.into_iter().filter(|event| event.position < end));
    }
    database.close();
    all
}

/// Every request left exactly the model's events, one after the other, the last at the position that its answer told; and
/// nothing else was written but housekeeping's (P9, P10).
pub fn holds_exactly(service: &Service, run: &Run<'_>) {
    let first = run.requests.first().and_then(|(_, _, position)| *position).expect("a tenant was taken in");
    let mut stored: BTreeMap<String, Vec<Positioned>> = BTreeMap::new();
    let (mut order, mut given_back) = (Vec::new(), 0);
    for event in block_on(events(service, first, u64::MAX)) {
        if is_housekeeping(&event.recorded) {
            assert_eq!(event.recorded.actor, Actor::System);
            continue;
        }
        // A token that its holder gave back: what comes of it is asked for with the tokens.
        let reported = run.reported_by(&event.recorded.request_id).is_some();
        if matches!(event.recorded.actor, Actor::Holder(_)) && !reported {
            given_back += 1;
            continue;
        }
        order.push(event.recorded.request_id.clone());
        stored.entry(event.recorded.request_id.clone()).or_default().push(event);
    }
    assert_eq!(given_back, run.taken.iter().filter(|taken| taken.given_back).count());
    order.dedup();
    let expected: Vec<&String> =
        run.requests.iter().filter(|(_, events, _)| !events.is_empty()).map(|(id, ..)| id).collect();
    assert_eq!(order.iter().collect::<Vec<_>>(), expected, "which requests wrote, and in which order");
    for (id, events, position) in &run.requests {
        let found = stored.remove(id).unwrap_or_default();
        let told: Vec<_> = found.iter().map(|event| comparable(&event.recorded)).collect();
        let expected: Vec<_> = events.iter().map(comparable).collect();
        assert_eq!(told, expected, "the events of request {id}");
        for (event, next) in found.iter().zip(found.iter().skip(1)) {
            assert_eq!(event.position + 1, next.position, "the events of one request stand together");
        }
        if let Some(last) = found.last() {
            assert_eq!(Some(last.position), *position, "the position that the answer to {id} told");
        }
        for event in &found {
            let recorded = &event.recorded;
            if let Some(subject) = run.reported_by(id) {
                assert_eq!(recorded.actor, Actor::Holder(subject.0), "{recorded:?}");
                continue;
            }
            assert!(matches!(recorded.actor, Actor::Operator(_)), "{recorded:?}");
            let own = "127.0.0.1".parse().expect("an address");
            assert_eq!(recorded.client_ip, Some(Personal::Known(own)), "{recorded:?}");
        }
    }
}

pub fn is_housekeeping(recorded: &Recorded) -> bool {
    match &recorded.event {
        Event::Credential(_, event) => event.is_housekeeping(),
        // That histories and trails were read is in the log of calls, and that is sealed.
        Event::ActivityLog(_) => true,
        _ => false,
    }
}

/// Without what the model can't know: digests. Versions also count housekeeping's events, which come when they come.
fn comparable(recorded: &Recorded) -> (uuid::Uuid, Option<uuid::Uuid>, Event) {
    let mut event = recorded.event.clone();
    let facts: Option<&mut SecretFacts> = match &mut event {
        Event::Credential(_, CredentialEvent::Created(created)) => Some(&mut created.secret),
        Event::Credential(_, CredentialEvent::Rotated(rotated)) => Some(&mut rotated.secret),
        Event::Operator(OperatorEvent::TokenMinted(minted)) => Some(&mut minted.token),
        Event::Erasure(ErasureEvent::SubjectErased(erased)) => {
            (erased.first_version, erased.last_version) = (0, 0);
            None
        }
        _ => None,
    };
    if let Some(facts) = facts {
        (facts.digest, facts.pepper) = (Digest::new([0; 32]), PepperNumber(0));
    }
    (recorded.stream.0, recorded.tenant.map(|tenant| tenant.0), event)
}

/// The view from the rows of the append, and the view from nothing but the events: the same, byte for byte.
pub fn views_agree(service: &Service) {
    block_on(async {
        let vault = vault(service);
        let database = service.database.as_ref().expect("a database of the tests").open().await;
        let loaded = ActiveView::new().expect("room");
        let head = load(&database, LEDGER, &vault, &loaded).await.expect("every row has its mac and fits");
        database.close();
        let rebuilt = ActiveView::new().expect("room");
        for event in events(service, 0, head).await {
            rebuilt.apply(event.position, &event.recorded).expect("the events fit");
        }
        let (loaded, rebuilt) = (loaded.dump().expect("whole"), rebuilt.dump().expect("whole"));
        assert!(loaded.credentials.len() > 100, "only {} credentials", loaded.credentials.len());
        let owned = loaded.credentials.values().filter(|credential| credential.owner.is_some()).count();
        assert!(owned > 20, "only {owned} credentials have an owner");
        assert_eq!(loaded, rebuilt);
    });
}
