//! Fills a ledger with a history of any length, and with calls and their use: through the doors that the service itself goes through, so
//! that each event is decided, macked and appended as one of people's, and each call is numbered and sealed. What is in memory at a time
//! does not grow with what is made.
//!
//! One tenant has nine tenths of everything, one has nothing, and the others share what is left.

mod calls;
mod dice;
mod events;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use credledger::clock::BootTime;
use credledger::domain::ids::{CredentialId, SecretId, TenantId};
use credledger::ops::house::House;
use credledger::projections::trail;

/// What there has to be in the end.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub events: u64,
    pub calls: u64,
    pub tenants: u32,
    /// over which the calls lie, up to today
    pub days: u32,
}

/// The tenant that has nearly all, the first of the others, and the one that has nothing.
pub const SLUGS: [&str; 3] = ["generated-0", "generated-1", "generated-none"];

/// Whose calls there may be.
#[derive(Clone, Copy, Debug)]
pub struct Called {
    pub tenant: TenantId,
    pub credential: CredentialId,
    pub secret: SecretId,
}

/// How many credentials have calls: many enough that each has few, and few enough to be kept in memory.
const CALLED: usize = 20_000;
/// At least so many are made anew, also where there are events enough.
const LEAST_LIVES: u64 = 500;
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Goes on from what is there.
pub async fn fill(house: &House, wanted: &Wanted) {
    let called = events::fill(house, wanted).await;
    calls::fill(house, wanted, &called).await;
    trail_follows(house).await;
}

/// Until the trail is where the ledger is.
async fn trail_follows(house: &House) {
    let head = house.ledger.progress().applied;
    let told = Told::begin("events in the trail", head);
    while house.reached.within(trail::NAME, head, TOLD_EVERY).await.is_err() {
        let reached = house.reached.now().find(|(name, _)| *name == trail::NAME);
        let reached = reached.map(|(_, reach)| reach).expect("a trail");
        assert!(!reached.stopped, "the trail stopped; the log says why");
        told.at(reached.applied);
    }
    told.at(head);
}

/// Says how far it is.
struct Told {
    what: &'static str,
    of: u64,
    began: BootTime,
    first: AtomicU64,
}

impl Told {
    fn begin(what: &'static str, of: u64) -> Self {
        Told { what, of, began: BootTime::now(), first: AtomicU64::new(u64::MAX) }
    }

    fn at(&self, done: u64) {
        let first = self.first.fetch_min(done, Ordering::Relaxed).min(done);
        let rate = (done - first) as f64 / BootTime::now().since(self.began).as_secs_f64();
        eprintln!("{done} of {} {}, {rate:.0} a second", self.of, self.what);
    }
}

/// Says how far a counter is, until the work that counts is done.
async fn telling<T>(what: &'static str, of: u64, done: &Arc<AtomicU64>, work: impl Future<Output = T>) -> T {
    let told = Told::begin(what, of);
    told.at(done.load(Ordering::Relaxed));
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            finished = &mut work => {
                told.at(done.load(Ordering::Relaxed));
                return finished;
            }
            () = tokio::time::sleep(TOLD_EVERY) => told.at(done.load(Ordering::Relaxed)),
        }
    }
}
