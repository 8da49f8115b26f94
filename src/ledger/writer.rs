//! What becomes of a closed batch: it is appended, handed to the applier, and every caller is answered.
//!
//! The writer owns its connection. When that breaks with a batch on it, the outcome is looked up on a new one before anybody
//! is answered; the writer's epoch is raised there, so a late copy of the lost statement can't commit afterwards.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::append::{APPEND, Columns, Prepared};
use super::closer::{Closed, Closer, Reply, Submission};
use super::follow::Batch;
use super::proposal::{CommitError, Committed};
use super::tally::Tally;
use crate::clock::{BootTime, Timestamp};
use crate::db::{Database, DbError, Dedicated, Outage, Role};
use crate::limits;

pub(super) struct Writer {
    closer: Closer,
    database: Database,
    writer: Uuid,
    tally: Arc<Tally>,
    /// committed batches, on their way to the one applier
    committed: mpsc::Sender<Batch>,
    connection: Option<Connected>,
    outage: Outage,
    /// stamps never fall back behind this
    last_at: Timestamp,
}

struct Connected {
    client: Dedicated,
    append: tokio_postgres::Statement,
    ledger: i32,
    writer: Uuid,
    epoch: i64,
}

/// What the function answered for a batch that is in the ledger.
struct Appended {
    first_position: i64,
    verdicts: Vec<i16>,
    positions: Vec<Option<i64>>,
}

enum Tried {
    Appended(Appended),
    /// nothing of the batch was or ever will be written; the connection can go on or not
    Refused(DbError),
    Behind(Timestamp),
    /// the epoch is no longer this writer's, or the batch is in the ledger already
    Fenced,
    Unknown,
}

impl Writer {
    pub(super) fn new(
        closer: Closer,
        database: Database,
        writer: Uuid,
        tally: Arc<Tally>,
        committed: mpsc::Sender<Batch>,
    ) -> Self {
        Writer {
            closer,
            database,
            writer,
            tally,
            committed,
            connection: None,
            outage: Outage::of("writing commands"),
            last_at: Timestamp::default(),
        }
    }

    pub(super) fn closer(&self) -> &Closer {
        &self.closer
    }

    /// The time of the last batch.
    pub(super) fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Commits a batch. One that fails definitely is run again one by one, so that no command hurts another.
    pub(super) async fn settle_batch(&mut self, batch: Closed) {
        let several = batch.replies.len() > 1;
        let Err(failed) = self.commit(batch, several).await else { return };
        for submission in failed {
            let alone = self.closer.close(vec![submission], self.last_at);
            // The second argument is false, so nothing comes back.
            let _ = self.commit(alone, false).await;
        }
    }

    /// Answers every caller, or gives the batch back when `may_return` and the batch itself was refused.
    async fn commit(&mut self, batch: Closed, may_return: bool) -> Result<(), Vec<Submission>> {
        let Closed { mut at, mut prepared, replies } = batch;
        let id = self.closer.press.vault.uuid(self.closer.clock.now().millis());
        for _ in 0..limits::STAMP_ATTEMPTS {
            let now = self.closer.clock.now();
            if self.last_at.millis_since(now) > limits::CLOCK_BEHIND.as_millis() as u64 {
                return answer_all(replies, CommitError::ClockBehind);
            }
            if at < self.last_at || now.millis_since(at) > limits::STAMP_KEPT.as_millis() as u64 {
                at = now.max(self.last_at);
                prepared = self.closer.prepare(prepared.into_iter().map(Prepared::unstamped), at);
            }
            let sent = BootTime::now();
            match self.append(id, at, &prepared).await {
                Tried::Appended(appended) => {
                    self.tally.batch(prepared.len(), BootTime::now().since(sent));
                    self.last_at = at;
                    self.outage.over();
                    self.publish(prepared, replies, &appended);
                    return Ok(());
                }
                Tried::Behind(last_at) => self.last_at = last_at,
                Tried::Refused(cause) => {
                    if let Some(passing) = passing(&cause) {
                        self.outage.failed(&cause);
                        return answer_all(replies, passing);
                    }
                    tracing::warn!(%cause, commands = prepared.len(), "a batch was not written");
                    if may_return {
                        let drafts = prepared.into_iter().map(Prepared::unstamped);
                        return Err(drafts.zip(replies).collect());
                    }
                    return answer_all(replies, CommitError::Rejected);
                }
                Tried::Fenced | Tried::Unknown => {
                    tracing::error!(batch = %id, "the outcome of a batch could not be found out");
                    return answer_all(replies, CommitError::OutcomeUnknown);
                }
            }
        }
        answer_all(replies, CommitError::ClockBehind)
    }

    async fn append(&mut self, id: Uuid, at: Timestamp, batch: &[Prepared]) -> Tried {
        let connected = match tokio::time::timeout(limits::WRITER_WAIT, self.connected()).await {
            Ok(Ok(connected)) => connected,
            // What may have happened is the registration; nothing of the batch was sent.
            Ok(Err(cause)) if cause.may_have_happened() => {
                return Tried::Refused(DbError::Unavailable(cause.into()));
            }
            Ok(Err(cause)) => return Tried::Refused(cause),
            Err(late) => return Tried::Refused(DbError::Unavailable(late.into())),
        };
        let outcome = connected.append(id, at, batch).await;
        match outcome {
            Ok(Tried::Fenced) => self.find_out(id, at, batch).await,
            Ok(tried) => tried,
            Err(cause) if cause.may_have_happened() => {
                self.connection = None;
                tracing::warn!(%cause, batch = %id, "the connection broke with a batch on it");
                self.find_out(id, at, batch).await
            }
            Err(cause) => self.refused(cause),
        }
    }

    /// A server that can't write at present may have become a standby and keep its connections: the next batch has a new one.
    fn refused(&mut self, cause: DbError) -> Tried {
        let unfit = |connected: &Connected| connected.client.is_closed();
        if matches!(cause, DbError::Unavailable(_)) || self.connection.as_ref().is_some_and(unfit) {
            self.connection = None;
        }
        Tried::Refused(cause)
    }

    /// Asks, on a new connection and under the head's lock, what became of the batch. One that is not in the ledger
    /// never will be, and is run again.
    async fn find_out(&mut self, id: Uuid, at: Timestamp, batch: &[Prepared]) -> Tried {
        let asking_since = BootTime::now();
        for _ in 0..limits::SETTLE_ATTEMPTS {
            match self.ask_outcome(id).await {
                Ok(Some(appended)) => return Tried::Appended(appended),
                Ok(None) => return Box::pin(self.append_settled(id, at, batch)).await,
                Err(_) if BootTime::now().since(asking_since) > limits::SETTLE_WAIT => break,
                Err(cause) => {
                    self.outage.failed(&cause);
                    self.connection = None;
                    tokio::time::sleep(limits::SETTLE_PAUSE).await;
                }
            }
        }
        Tried::Unknown
    }

    async fn append_settled(&mut self, id: Uuid, at: Timestamp, batch: &[Prepared]) -> Tried {
        let Some(connected) = &self.connection else { return Tried::Unknown };
        match connected.append(id, at, batch).await {
            Ok(tried) => tried,
            Err(cause) if cause.may_have_happened() => {
                self.connection = None;
                match self.ask_outcome(id).await {
                    Ok(Some(appended)) => Tried::Appended(appended),
                    Ok(None) => Tried::Refused(DbError::Unavailable(Box::new(cause))),
                    Err(_) => Tried::Unknown,
                }
            }
            Err(cause) => self.refused(cause),
        }
    }

    async fn ask_outcome(&mut self, id: Uuid) -> Result<Option<Appended>, DbError> {
        let asked = tokio::time::timeout(limits::WRITER_WAIT, self.settle(id)).await;
        asked.unwrap_or_else(|late| Err(DbError::OutcomeUnknown(late.into())))
    }

    async fn settle(&mut self, id: Uuid) -> Result<Option<Appended>, DbError> {
        let client = self.database.connect_dedicated(Role::Append).await?;
        let row = client
            .query_one(
                "select epoch, known, first_position, verdicts, positions from credledger.settle($1, $2, $3)",
                &[&self.closer.press.ledger, &self.writer, &id],
            )
            .await?;
        self.connection = Some(self.prepared(client, row.get(0)).await?);
        Ok(row.get::<_, bool>(1).then(|| Appended {
            first_position: row.get(2),
            verdicts: row.get(3),
            positions: row.get(4),
        }))
    }

    async fn connected(&mut self) -> Result<&Connected, DbError> {
        if self.connection.as_ref().is_none_or(|connected| connected.client.is_closed()) {
            let client = self.database.connect_dedicated(Role::Append).await?;
            let row = client
                .query_one(
                    "select epoch, last_at_ms from credledger.register_writer($1, $2)",
                    &[&self.closer.press.ledger, &self.writer],
                )
                .await?;
            self.last_at = self.last_at.max(Timestamp::from_millis(row.get(1)).unwrap_or_default());
            self.connection = Some(self.prepared(client, row.get(0)).await?);
        }
        self.connection
            .as_ref()
            .ok_or_else(|| DbError::Unavailable("the sequencer's connection is gone".into()))
    }

    async fn prepared(&self, client: Dedicated, epoch: i64) -> Result<Connected, DbError> {
        let append = client.prepare(APPEND).await?;
        Ok(Connected { client, append, ledger: self.closer.press.ledger, writer: self.writer, epoch })
    }

    /// Hands the batch to the applier first, so that whoever is answered finds it on its way; then answers.
    fn publish(&self, batch: Vec<Prepared>, replies: Vec<Reply>, appended: &Appended) {
        let mut events = Vec::new();
        let mut answers = Vec::with_capacity(replies.len());
        for (index, prepared) in batch.into_iter().enumerate() {
            answers.push(match appended.verdicts.get(index) {
                Some(0) => {
                    events.extend(prepared.recorded);
                    let position = appended.positions.get(index).copied().flatten().map(i64::cast_unsigned);
                    Ok(Committed { position, after: prepared.after })
                }
                Some(1) => Err(CommitError::Conflict),
                Some(2) => Err(CommitError::ClaimTaken),
                Some(3) => Err(CommitError::QuotaExceeded),
                Some(4) => Err(CommitError::AlreadyAnswered),
                _ => Err(CommitError::OutcomeUnknown),
            });
        }
        if !events.is_empty() {
            let batch = Batch { first: appended.first_position.cast_unsigned(), events };
            // Who is behind reads it from the ledger, as does whoever follows elsewhere; once the service stops, nobody does.
            let _ = self.committed.try_send(batch);
        }
        for (reply, outcome) in replies.into_iter().zip(answers) {
            answer(reply, outcome);
        }
    }
}

impl Connected {
    async fn append(&self, id: Uuid, at: Timestamp, batch: &[Prepared]) -> Result<Tried, DbError> {
        let columns = Columns::of(batch);
        let (at_ms, commands) = (at.millis(), i32::try_from(batch.len()).unwrap_or(i32::MAX));
        let own: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&self.ledger, &self.writer, &self.epoch, &id, &at_ms, &commands];
        let parameters: Vec<_> = own.into_iter().chain(columns.parameters()).collect();
        let answered =
            tokio::time::timeout(limits::WRITER_WAIT, self.client.query_one(&self.append, &parameters)).await;
        let row = answered.map_err(|late| DbError::OutcomeUnknown(late.into()))??;
        Ok(match row.get::<_, i16>(0) {
            0 => Tried::Appended(Appended {
                first_position: row.get(2),
                verdicts: row.get(3),
                positions: row.get(4),
            }),
            1 => Tried::Behind(Timestamp::from_millis(row.get(1)).unwrap_or(Timestamp::MAX)),
            _ => Tried::Fenced,
        })
    }
}

fn answer(reply: Reply, outcome: Result<Committed, CommitError>) {
    // A caller that went away still has its events in the ledger; there is nobody to tell.
    let _ = reply.send(outcome);
}

/// What goes when the database's trouble does.
fn passing(cause: &DbError) -> Option<CommitError> {
    match cause {
        DbError::Full(_) => Some(CommitError::Full),
        DbError::Unavailable(_) | DbError::TryAgain(_) | DbError::Cancelled(_) => {
            Some(CommitError::Unavailable)
        }
        _ => None,
    }
}

fn answer_all(replies: Vec<Reply>, error: CommitError) -> Result<(), Vec<Submission>> {
    for reply in replies {
        answer(reply, Err(error.clone()));
    }
    Ok(())
}
