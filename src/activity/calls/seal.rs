//! What a node wrote since its last seal, as a Merkle tree that grows with every batch; and the task of housekeeping that has the
//! ledger say its root. After a crash the tree is made again from the rows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::batch::{Batch, Hand};
use super::check;
use super::leaf::hash;
use super::merkle::Tree;
use super::row::{Row, instant_of};
use super::writer::{DAY_MS, Span};
use crate::clock::{BootTime, Timestamp};
use crate::db::DbError;
use crate::domain::Caller;
use crate::domain::activity_log::{
    ActivityLogCommand, Day, Drop as RecordDropped, Dropped, Seal, Sealed, node_stream,
};
use crate::domain::base64url;
use crate::domain::command::Command;
use crate::domain::event::Actor;
use crate::ledger::execute::{ExecuteError, Executed, Ledger, Order};
use crate::ledger::tally::Lane;
use crate::limits;

/// Rows that no seal covers yet.
#[derive(Clone, Debug)]
pub(super) struct Open {
    first_seq: u64,
    tree: Tree,
    span: Option<Span>,
}

impl Open {
    pub fn at(first_seq: u64) -> Self {
        Open { first_seq, tree: Tree::default(), span: None }
    }

    fn push(&mut self, row: &Row, node: Uuid, seq: u64) {
        let at = instant_of(row.completes.unwrap_or(row.id)).unwrap_or_default();
        self.span = Some(self.span.map_or(Span::of(at), |span| span.with(at)));
        self.tree.push(hash(row, node, seq));
    }

    fn end(&self) -> u64 {
        self.first_seq + self.tree.count()
    }

    /// With rows in the order of their numbers, up to one that is not there. What begins with rows that are not there begins after them.
    /// Of two with one number the first is taken: who holds them against the seal finds the other.
    fn extend(&mut self, rows: Vec<(u64, Row)>, node: Uuid) {
        for (seq, row) in rows {
            if seq > self.end() && self.tree.count() > 0 {
                return;
            }
            if seq > self.end() {
                self.first_seq = seq;
            }
            if seq == self.end() {
                self.push(&row, node, seq);
            }
        }
    }

    /// None of nothing.
    fn sealed(&self, node: Uuid, day: Day) -> Option<Sealed> {
        let Span { first, last } = self.span?;
        Some(Sealed {
            node,
            day,
            first_seq: self.first_seq,
            count: self.tree.count(),
            root: base64url::encode(&self.tree.root()),
            first_at: first,
            last_at: last,
        })
    }
}

/// Shared by the one who writes and the one who seals.
#[derive(Clone, Debug)]
pub struct Unsealed(Arc<Mutex<Open>>);

impl Unsealed {
    pub(super) fn from(next_seq: u64) -> Self {
        Unsealed(Arc::new(Mutex::new(Open::at(next_seq))))
    }

    /// These are in the database.
    pub(super) fn written(&self, batch: &Batch, node: Uuid) {
        let mut open = self.lock();
        for (seq, row) in (batch.first_seq..).zip(&batch.rows) {
            open.push(row, node, seq);
        }
    }

    /// How many rows wait for their seal.
    pub fn count(&self) -> u64 {
        self.lock().tree.count()
    }

    fn take(&self) -> Open {
        let mut open = self.lock();
        let next = Open::at(open.end());
        std::mem::replace(&mut *open, next)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a node had come when this process began to write for it.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    pub(super) hand: Hand,
    pub(super) next_seq: u64,
    pub(super) unsealed_seq: u64,
    pub(super) sealing_day: Day,
}

/// Of one node, in the hands of housekeeping.
pub struct Sealer {
    ledger: Arc<Ledger>,
    begun: Begun,
    unsealed: Unsealed,
    /// taken from there and not sealed yet
    sealing: Option<Open>,
    /// From here on it is not known yet what another process left unsealed; none: nor where that begins.
    left: Option<u64>,
    told_of_loss: bool,
    day: Day,
    sealed_at: Option<BootTime>,
}

/// What could not be done now; it is tried again.
#[derive(Debug)]
pub enum SealFault {
    Db(DbError),
    Ledger(ExecuteError),
}

impl std::fmt::Display for SealFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SealFault::Db(cause) => cause.fmt(f),
            SealFault::Ledger(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for SealFault {}

impl From<DbError> for SealFault {
    fn from(cause: DbError) -> Self {
        SealFault::Db(cause)
    }
}

impl From<ExecuteError> for SealFault {
    fn from(cause: ExecuteError) -> Self {
        SealFault::Ledger(cause)
    }
}

impl Sealer {
    pub fn new(ledger: Arc<Ledger>, begun: Begun, unsealed: Unsealed) -> Self {
        let day = begun.sealing_day;
        Sealer {
            ledger,
            begun,
            unsealed,
            sealing: None,
            left: None,
            told_of_loss: false,
            day,
            sealed_at: None,
        }
    }

    /// Seals what is due.
    pub async fn tend(&mut self) -> Result<(), SealFault> {
        if self.sealing.is_none() {
            self.sealing = self.left_unsealed().await?;
        }
        if self.sealing.is_none() {
            let rested =
                self.sealed_at.is_none_or(|at| BootTime::now().since(at) >= limits::ACTIVITY_SEAL_EVERY);
            let waiting = self.unsealed.count();
            if waiting == 0 || !(rested || waiting >= limits::ACTIVITY_SEAL_ROWS) {
                return Ok(());
            }
            self.sealing = Some(self.unsealed.take());
        }
        let Some(open) = &self.sealing else { return Ok(()) };
        let today = day_of(self.ledger.clock().now());
        if self.day != today {
            self.note(open.first_seq, today).await?;
            self.day = today;
        }
        let Some(open) = &self.sealing else { return Ok(()) };
        if let Some(sealed) = open.sealed(self.begun.hand.node, self.day) {
            let end = sealed.end();
            self.command(ActivityLogCommand::Seal(Seal(sealed))).await?;
            self.note(end, self.day).await?;
        }
        (self.sealing, self.sealed_at) = (None, Some(BootTime::now()));
        Ok(())
    }

    /// The next stretch of what another process of this node wrote and did not seal. A row that is gone before its seal can't be sealed; it
    /// ends the stretch, and stands between two seals for ever.
    async fn left_unsealed(&mut self) -> Result<Option<Open>, SealFault> {
        let Begun { hand, next_seq, .. } = self.begun;
        let mut open = Open::at(match self.left {
            Some(first) => first,
            None => self.first_unsealed().await?,
        });
        while open.end() < next_seq && open.tree.count() < limits::ACTIVITY_SEAL_ROWS {
            let (from, first) = (open.end(), open.first_seq);
            let to = next_seq.min(from + limits::ACTIVITY_ROWS_READ);
            let ends = (Uuid::nil(), Uuid::max());
            let rows = check::rows(self.ledger.database(), hand.ledger, hand.node, (from, to), ends).await?;
            open.extend(rows, hand.node);
            if open.tree.count() == 0 {
                open = Open::at(to);
            }
            if open.first_seq > first {
                self.tell_of_loss(first, open.first_seq);
            }
            if open.end() < to {
                break;
            }
        }
        self.left = Some(open.end());
        Ok((open.tree.count() > 0).then_some(open))
    }

    /// The ledger says how far the process before had come.
    async fn first_unsealed(&self) -> Result<u64, SealFault> {
        let Begun { hand, unsealed_seq, sealing_day, .. } = self.begun;
        let loaded = self.ledger.activity_log_now(node_stream(hand.node, sealing_day)).await?;
        let sealed = loaded.state.activity_log().and_then(|log| log.next_seq());
        Ok(sealed.unwrap_or(unsealed_seq).max(unsealed_seq))
    }

    /// Once: there may be many, and the seals say which they are.
    fn tell_of_loss(&mut self, first: u64, end: u64) {
        if !std::mem::replace(&mut self.told_of_loss, true) {
            let (node, last) = (self.begun.hand.node, end - 1);
            tracing::error!(
                %node, first, last,
                "calls of the activity log were gone before they were sealed: somebody took them away, or their day went; the seals around \
                 them say which numbers these and others had (docs/ACTIVITY.md)"
            );
        }
    }

    /// What there was no room for, where there was anything.
    pub async fn record_dropped(&self, count: u64, span: Span) -> Result<(), SealFault> {
        let Span { first, last } = span;
        let (node, day) = (self.begun.hand.node, day_of(self.ledger.clock().now()));
        let dropped = Dropped { node, day, count, first_at: first, last_at: last };
        self.command(ActivityLogCommand::Drop(RecordDropped(dropped))).await.map(drop)
    }

    async fn note(&self, unsealed: u64, day: Day) -> Result<(), DbError> {
        let Hand { ledger, node, boot } = self.begun.hand;
        let note = "select credledger.note_activity_seal($1, $2, $3, $4, $5)";
        let day = i32::try_from(day.0).unwrap_or(0);
        let unsealed = unsealed.cast_signed();
        self.ledger.database().people(note, &[&ledger, &node, &boot, &unsealed, &day]).await.map(drop)
    }

    async fn command(&self, command: ActivityLogCommand) -> Result<Executed, SealFault> {
        Ok(self.ledger.execute(order(command)).await?)
    }
}

/// By the service itself.
pub fn order(command: ActivityLogCommand) -> Order {
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "housekeeping".to_owned() };
    let order = Order::of(command.stream(), Command::ActivityLog(command), caller);
    Order { lane: Lane::Housekeeping, wait: false, ..order }
}

pub fn day_of(at: Timestamp) -> Day {
    Day(u32::try_from(at.millis().div_euclid(DAY_MS)).unwrap_or(0))
}
