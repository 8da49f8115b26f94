//! What the ledger says of calls that were served: that rows were sealed, that some could not be kept, that a day went. The rows
//! themselves are none of its events.
//!
//! A node seals in a stream of its own, a new one each day, so that no stream grows without end; of a day that goes, there is a stream too.

mod dropped;
mod retention;
mod seal;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::{Recorded, family};
use super::history::History;
use super::ids::StreamId;
use super::refusal::Refusal;
use super::{Context, Unfoldable};
use crate::vault::sha256;

pub use dropped::{Drop, Dropped};
pub use retention::{ApplyRetention, RetentionApplied};
pub use seal::{Seal, Sealed};

family! { ActivityLogEvent,
    Sealed = "ledger.activity_sealed" v 1 personal [];
    Dropped = "ledger.activity_dropped" v 1 personal [];
    RetentionApplied = "ledger.retention_applied" v 1 personal [];
}

/// Counted from 1970, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub u32);

/// Where a node seals on this day.
pub fn node_stream(node: Uuid, day: Day) -> StreamId {
    named(&[b"credledger activity of a node\0", node.as_bytes(), &day.0.to_be_bytes()])
}

/// Where it is said that a day went.
pub fn day_stream(day: Day) -> StreamId {
    named(&[b"credledger activity of a day\0", &day.0.to_be_bytes()])
}

fn named(parts: &[&[u8]]) -> StreamId {
    let digest = sha256(parts);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[derive(Clone, Debug)]
pub enum ActivityLogCommand {
    Seal(Seal),
    Drop(Drop),
    ApplyRetention(ApplyRetention),
}

impl ActivityLogCommand {
    pub fn stream(&self) -> StreamId {
        match self {
            ActivityLogCommand::Seal(Seal(sealed)) => node_stream(sealed.node, sealed.day),
            ActivityLogCommand::Drop(Drop(dropped)) => node_stream(dropped.node, dropped.day),
            ActivityLogCommand::ApplyRetention(ApplyRetention(applied)) => day_stream(applied.day),
        }
    }

    pub fn decide(&self, state: Option<&ActivityLog>, _: &Context) -> Result<Vec<ActivityLogEvent>, Refusal> {
        match self {
            ActivityLogCommand::Seal(seal) => seal.decide(state),
            ActivityLogCommand::Drop(drop) => drop.decide(),
            ActivityLogCommand::ApplyRetention(apply) => apply.decide(state),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityLog {
    /// the seals of the day, in order
    pub seals: Vec<Sealed>,
    /// of a day that went
    pub gone: Option<RetentionApplied>,
    pub history: History,
}

impl ActivityLog {
    /// The first row that no seal of this day covers.
    pub fn next_seq(&self) -> Option<u64> {
        self.seals.last().map(Sealed::end)
    }
}

/// The fold of one more event.
pub fn fold(
    state: Option<ActivityLog>,
    event: ActivityLogEvent,
    recorded: &Recorded,
) -> Result<ActivityLog, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let mut state = state.unwrap_or_default();
    let stream = match &event {
        ActivityLogEvent::Sealed(sealed) => node_stream(sealed.node, sealed.day),
        ActivityLogEvent::Dropped(dropped) => node_stream(dropped.node, dropped.day),
        ActivityLogEvent::RetentionApplied(applied) => day_stream(applied.day),
    };
    if recorded.stream != stream {
        return Err(unfoldable("it stands in another stream"));
    }
    match event {
        ActivityLogEvent::Sealed(sealed) => {
            if state.next_seq().is_some_and(|next| next > sealed.first_seq) {
                return Err(unfoldable("it seals what another seal covers"));
            }
            state.seals.push(sealed);
        }
        ActivityLogEvent::Dropped(_) => {}
        ActivityLogEvent::RetentionApplied(applied) => state.gone = Some(applied),
    }
    state.history = state.history.with(recorded);
    Ok(state)
}
