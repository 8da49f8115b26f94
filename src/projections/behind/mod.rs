//! Projections that follow behind the ledger, each from a checkpoint of its own: one row or more an event, written together with
//! how far it came, in one transaction. Whoever reads one waits until it is where the ledger was when they asked.
//!
//! A new one is a file that says its rows, a folder of `projections/`, and a line in [`ALL`].

mod folded;
mod kept;
mod projector;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::domain::stream::StreamState;
use crate::ledger::read::Positioned;
use crate::vault::Vault;

pub use folded::Folded;
pub use projector::Projector;

/// A projection that follows behind.
#[derive(Clone, Copy)]
pub struct Behind {
    pub name: &'static str,
    /// Hands rows to it: `$1` ledger, `$2` the first event's position, `$3` the next one's, `$4` the rows. Answers how far it is.
    pub apply: &'static str,
    /// The rows of one event, a function of its stream alone; each as the facts of the type `<name>_row`. What was erased since
    /// changes nothing of them.
    pub rows: fn(&Vault, &Step<'_>) -> Vec<Value>,
}

/// All of them.
pub const ALL: &[Behind] = &[super::trail::BEHIND, super::validity::BEHIND];

/// One event, with what its stream came to before and after it.
pub struct Step<'a> {
    pub before: &'a Folded,
    pub event: &'a Positioned,
    pub after: &'a Folded,
}

impl Step<'_> {
    pub fn states(&self) -> (&StreamState, &StreamState) {
        (&self.before.state, &self.after.state)
    }
}

/// How far a projection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub applied: u64,
    /// it met an event that it can't take in; this process's log says which
    pub stopped: bool,
}

/// Tells readers how far each projection is.
#[derive(Clone, Default)]
pub struct Reached(Arc<Vec<(&'static str, watch::Receiver<Reach>)>>);

/// Why what follows behind can't be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReached {
    /// it is on its way
    Behind,
    Stopped,
}

impl Reached {
    /// Waits, within a bound, until so many events are in it.
    pub async fn within(&self, name: &str, events: u64, wait: std::time::Duration) -> Result<(), NotReached> {
        let found = self.0.iter().find(|(own, _)| *own == name);
        let (_, reach) = found.ok_or(NotReached::Stopped)?;
        let mut reach = reach.clone();
        let there = reach.wait_for(|reach| reach.applied >= events || reach.stopped);
        match tokio::time::timeout(wait, there).await {
            Ok(Ok(reach)) if reach.applied >= events => Ok(()),
            Ok(_) => Err(NotReached::Stopped),
            Err(_) => Err(NotReached::Behind),
        }
    }

    /// How far each is now.
    pub fn now(&self) -> impl Iterator<Item = (&'static str, Reach)> {
        self.0.iter().map(|(name, reach)| (*name, *reach.borrow()))
    }

    /// For whoever waits for more.
    pub fn watch(&self, name: &str) -> Option<watch::Receiver<Reach>> {
        let found = self.0.iter().find(|(own, _)| *own == name);
        found.map(|(_, reach)| reach.clone())
    }
}
