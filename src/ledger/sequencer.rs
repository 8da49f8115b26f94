//! The one writer. It gathers what is waiting into a batch, stamps it with one time, and has one server-side function
//! append it. A lone command never waits for others: a batch closes as soon as the pipe is idle. Where many wait meanwhile, the next
//! one is closed and made ready while the one before is under way; it is sent once that one is settled, never before.
//!
//! What becomes of a closed batch is the [`Writer`]'s.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::append::Press;
use super::closer::{Closer, Submission};
use super::follow::Batch;
use super::lanes::{Lanes, Ways};
use super::proposal::{CommitError, Committed, Proposal};
use super::tally::{Lane, Tally};
use super::writer::Writer;
use crate::clock::{BootTime, Clock};
use crate::db::Database;

/// The way into the sequencer: one queue for people, one for housekeeping, one for imports.
pub struct Submit {
    press: Arc<Press>,
    pub(super) tally: Arc<Tally>,
    ways: Ways<Submission>,
    /// when people's last command came, on the boot-time clock
    people_seen: AtomicU64,
}

impl Submit {
    pub async fn commit(&self, proposal: Proposal, lane: Lane) -> Result<Committed, CommitError> {
        let draft =
            self.press.draft(proposal).map_err(|too_large| CommitError::TooLarge(too_large.member))?;
        let (reply, outcome) = oneshot::channel();
        if lane == Lane::People {
            self.people_seen.store(BootTime::now().nanos(), Ordering::Relaxed);
        }
        if lane == Lane::Imports {
            // An import waits for room; how many of its lines do is bounded where they are read.
            self.ways.imports.send((draft, reply)).await.map_err(|_| CommitError::Unavailable)?;
        } else {
            self.way(lane).try_send((draft, reply)).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => CommitError::Busy,
                mpsc::error::TrySendError::Closed(_) => CommitError::Unavailable,
            })?;
        }
        outcome.await.unwrap_or(Err(CommitError::OutcomeUnknown))
    }

    pub fn people_away(&self) -> Duration {
        BootTime::now().since(BootTime::from_nanos(self.people_seen.load(Ordering::Relaxed)))
    }

    /// How many wait in a lane.
    pub(super) fn waiting(&self, lane: Lane) -> usize {
        let way = self.way(lane);
        way.max_capacity() - way.capacity()
    }

    fn way(&self, lane: Lane) -> &mpsc::Sender<Submission> {
        match lane {
            Lane::People => &self.ways.people,
            Lane::Housekeeping => &self.ways.housekeeping,
            Lane::Imports => &self.ways.imports,
        }
    }
}

pub struct Sequencer {
    lanes: Lanes<Submission>,
    writer: Writer,
}

impl Sequencer {
    pub fn new(
        press: Press,
        database: Database,
        clock: Arc<Clock>,
        writer: Uuid,
        committed: mpsc::Sender<Batch>,
    ) -> (Submit, Sequencer) {
        let (ways, lanes) = Lanes::new();
        let (press, tally) = (Arc::new(press), Arc::new(Tally::default()));
        let closer = Closer { press: press.clone(), clock };
        let writer = Writer::new(closer, database, writer, tally.clone(), committed);
        (Submit { press, tally, ways, people_seen: AtomicU64::new(0) }, Sequencer { lanes, writer })
    }

    /// Runs until every [`Submit`] is dropped and what was submitted is answered.
    pub async fn run(self) {
        let Sequencer { mut lanes, mut writer } = self;
        let closer = writer.closer().clone();
        let mut ahead = None;
        loop {
            let batch = match ahead.take() {
                Some(batch) => batch,
                None => match lanes.gather().await {
                    Some(batch) => closer.close(batch, writer.last_at()),
                    None => return,
                },
            };
            let at = batch.at;
            let mut settled = pin!(writer.settle_batch(batch));
            loop {
                tokio::select! {
                    biased;
                    () = &mut settled => break,
                    next = lanes.gather_ahead(), if ahead.is_none() => ahead = Some(closer.close(next, at)),
                }
            }
        }
    }
}
