//! What a decision asks the sequencer to commit, and what came of it.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::erasure::SubjectErased;
use crate::domain::event::{ClaimKind, Recorded};
use crate::domain::ids::{OperatorId, StreamId};
use crate::domain::stream::StreamState;

/// All or nothing. Guards are the versions of every other stream that the decision read: when one has moved, nothing is
/// written and the command is decided again.
pub struct Proposal {
    /// how many events were applied before the decision read anything: after an erasure among later ones it is decided again,
    /// so that nothing which was erased is written once more
    pub seen: u64,
    pub writes: Vec<Write>,
    pub guards: Vec<(StreamId, u32)>,
    pub quotas: Vec<Quota>,
    pub answer: Option<AnswerDraft>,
}

/// New events of one stream, on top of the state that they were decided on.
pub struct Write {
    pub stream: StreamId,
    pub before: Arc<StreamState>,
    pub events: Vec<Recorded>,
}

/// A counter that must not go over its limit; without a limit it only counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub subject: Uuid,
    pub name: &'static str,
    pub delta: i64,
    pub limit: Option<i64>,
}

/// The answer to keep for retries of the same request, made once the events have their time.
pub struct AnswerDraft {
    pub operator: OperatorId,
    pub key_digest: [u8; 32],
    pub request_digest: [u8; 32],
    pub render: Box<dyn Fn(&StreamState) -> StoredAnswer + Send + Sync>,
}

/// A status and a sealed body.
pub struct StoredAnswer {
    pub status: i16,
    pub sealed: Vec<u8>,
}

/// What stands in the ledger now.
#[derive(Clone, Debug)]
pub struct Committed {
    /// of its last event; none when it had no events
    pub position: Option<u64>,
    /// the states of the written streams, in the order of the writes
    pub after: Vec<Arc<StreamState>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// a stream that the decision read has moved: decide again
    Conflict,
    ClaimTaken,
    QuotaExceeded,
    /// this Idempotency-Key has its answer already
    AlreadyAnswered,
    /// an entry over its limit, mostly because of this member
    TooLarge(String),
    /// the queue is full
    Busy,
    /// the database can't be reached: nothing was written
    Unavailable,
    /// the database's disk is full: nothing was written
    Full,
    /// the database refused the command, alone: nothing was written, and the same again would be refused
    Rejected,
    /// the database's clock lies too far behind the ledger's last event
    ClockBehind,
    /// the connection broke and what became of it could not be found out
    OutcomeUnknown,
}

impl std::fmt::Display for CommitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CommitError::Conflict => "a stream that the decision read has moved",
            CommitError::ClaimTaken => "a name that must be unique is taken",
            CommitError::QuotaExceeded => "a quota is used up",
            CommitError::AlreadyAnswered => "this Idempotency-Key has its answer already",
            CommitError::TooLarge(_) => "the event is over its size limit",
            CommitError::Busy => "the command queue is full",
            CommitError::Unavailable => "the database can't be reached",
            CommitError::Full => "the database's disk is full",
            CommitError::Rejected => "the database refused the command",
            CommitError::ClockBehind => "the database's clock lies behind the ledger's last event",
            CommitError::OutcomeUnknown => "the connection broke and the outcome could not be found out",
        })
    }
}

impl std::error::Error for CommitError {}

impl Proposal {
    /// What its events erase, in the same transaction.
    pub fn erasures(&self) -> impl Iterator<Item = &SubjectErased> {
        self.writes.iter().flat_map(|write| write.events.iter().filter_map(Recorded::erased))
    }

    /// The names that its events take for good.
    pub fn claims(&self) -> impl Iterator<Item = (StreamId, ClaimKind, String)> + '_ {
        self.writes.iter().flat_map(|write| {
            let claims = write.events.iter().flat_map(|recorded| recorded.event.claims());
            claims.map(|claim| (write.stream, claim.kind, claim.key))
        })
    }
}
