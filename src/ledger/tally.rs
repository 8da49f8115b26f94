//! What the ledger counts of its work, for whoever looks after it. Counters alone: nothing waits for them, and nothing is decided by
//! them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::order::{ExecuteError, Executed};
use super::proposal::CommitError;
use crate::clock::Timestamp;
use crate::limits;

/// Whose commands these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    People,
    Housekeeping,
    /// many at once, of people who can wait
    Imports,
}

impl Lane {
    pub const ALL: [Lane; 3] = [Lane::People, Lane::Housekeeping, Lane::Imports];

    pub fn word(self) -> &'static str {
        match self {
            Lane::People => "people",
            Lane::Housekeeping => "housekeeping",
            Lane::Imports => "imports",
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// carried out, or there was nothing to do
    Done,
    /// the stored answer of an earlier, equal request
    Replayed,
    /// by the rules: what was asked may not be
    Refused,
    /// too much waits, or too much else changed the same streams
    Busy,
    /// the database is away, or its clock is
    Unavailable,
    /// nobody knows whether it took place
    Unknown,
    /// a fault of ours or of the installation
    Failed,
}

impl Outcome {
    pub const ALL: [Outcome; 7] = [
        Outcome::Done,
        Outcome::Replayed,
        Outcome::Refused,
        Outcome::Busy,
        Outcome::Unavailable,
        Outcome::Unknown,
        Outcome::Failed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Replayed => "replayed",
            Outcome::Refused => "refused",
            Outcome::Busy => "busy",
            Outcome::Unavailable => "unavailable",
            Outcome::Unknown => "unknown",
            Outcome::Failed => "failed",
        }
    }

    fn of(executed: &Result<Executed, ExecuteError>) -> Self {
        let error = match executed {
            Ok(executed) if executed.replayed => return Outcome::Replayed,
            Ok(_) => return Outcome::Done,
            Err(error) => error,
        };
        match error {
            ExecuteError::Refused(_) | ExecuteError::RetryMismatch | ExecuteError::RetryInProgress => {
                Outcome::Refused
            }
            ExecuteError::Read(_) => Outcome::Unavailable,
            ExecuteError::Commit(error) => match error {
                CommitError::QuotaExceeded | CommitError::TooLarge(_) => Outcome::Refused,
                CommitError::Conflict
                | CommitError::ClaimTaken
                | CommitError::AlreadyAnswered
                | CommitError::Busy => Outcome::Busy,
                CommitError::Unavailable | CommitError::Full | CommitError::ClockBehind => {
                    Outcome::Unavailable
                }
                CommitError::OutcomeUnknown => Outcome::Unknown,
                CommitError::Rejected => Outcome::Failed,
            },
        }
    }
}

/// How many values were at most as large as each bound, and their sum.
pub struct Histogram {
    bounds: &'static [u64],
    /// one for each bound, and one beyond
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it is read: for each bound how many lie within it, and in all.
pub struct Reading {
    pub within: Vec<(u64, u64)>,
    pub count: u64,
    pub sum: u64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        Histogram {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn read(&self) -> Reading {
        let sum = self.sum.load(Ordering::Relaxed);
        let mut count = 0;
        let mut up_to = |own: &AtomicU64| {
            count += own.load(Ordering::Relaxed);
            count
        };
        let within = self.bounds.iter().zip(&self.counts).map(|(bound, own)| (*bound, up_to(own))).collect();
        let count = self.counts.last().map_or(0, &mut up_to);
        Reading { within, count, sum }
    }
}

pub struct Tally {
    commands: [[AtomicU64; Outcome::ALL.len()]; Lane::ALL.len()],
    /// of each batch that was appended
    pub batch_commands: Histogram,
    /// from when it was sent until its answer came
    pub append_micros: Histogram,
    /// since when the oldest end is due that housekeeping found; 0: none
    due_since_ms: AtomicI64,
    /// since when the oldest warning is due that housekeeping found; 0: none
    warning_since_ms: AtomicI64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            commands: Default::default(),
            batch_commands: Histogram::new(&limits::BATCH_COMMANDS_BUCKETS),
            append_micros: Histogram::new(&limits::APPEND_MICROS_BUCKETS),
            due_since_ms: AtomicI64::new(0),
            warning_since_ms: AtomicI64::new(0),
        }
    }
}

impl Tally {
    pub(super) fn command(&self, lane: Lane, executed: &Result<Executed, ExecuteError>) {
        self.commands[lane as usize][Outcome::of(executed) as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn batch(&self, commands: usize, took: Duration) {
        self.batch_commands.observe(commands as u64);
        self.append_micros.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What housekeeping found when it looked: the oldest end that is due and not recorded.
    pub fn found_due(&self, since: Option<Timestamp>) {
        self.due_since_ms.store(since.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    pub fn due_since(&self) -> Option<Timestamp> {
        Timestamp::from_millis(self.due_since_ms.load(Ordering::Relaxed)).filter(|since| since.millis() > 0)
    }

    /// The same of warnings.
    pub fn found_warning(&self, since: Option<Timestamp>) {
        self.warning_since_ms.store(since.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    pub fn warning_since(&self) -> Option<Timestamp> {
        let since = Timestamp::from_millis(self.warning_since_ms.load(Ordering::Relaxed));
        since.filter(|since| since.millis() > 0)
    }

    pub fn commands(&self, lane: Lane, outcome: Outcome) -> u64 {
        self.commands[lane as usize][outcome as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_from_its_bound_upwards() {
        let histogram = Histogram::new(&[1, 2, 4]);
        for value in [0, 1, 2, 3, 4, 5, 100] {
            histogram.observe(value);
        }
        let read = histogram.read();
        assert_eq!((read.within, read.count, read.sum), (vec![(1, 2), (2, 3), (4, 5)], 7, 115));
    }

    #[test]
    fn an_end_is_due_until_none_is_found() {
        let tally = Tally::default();
        assert_eq!(tally.due_since(), None);
        tally.found_due(Timestamp::from_millis(5));
        assert_eq!(tally.due_since(), Timestamp::from_millis(5));
        tally.found_due(None);
        assert_eq!(tally.due_since(), None);
    }
}
