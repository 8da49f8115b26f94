//! The ledger as the kernel's event store: what its `Repository` and its contract suite drive. The service's own commits go
//! through [`Ledger::execute`], because position, guards and answers can't pass through `append`.
//!
//! The kernel counts in `u32`; the ledger does not. Whatever lies beyond is an error here, never a smaller number.

use std::sync::Arc;

use eventually::store::{AppendError, EventStore, EventStream, Expected, Persisted, Select};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use super::execute::{ExecuteError, Ledger};
use super::proposal::{CommitError, Proposal, Write};
use super::quotas::quotas;
use super::read::{self, Positioned, ReadError};
use super::tally::Lane;
use crate::db::DbError;
use crate::db::in_time;
use crate::domain::Unfoldable;
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;
use crate::limits;

/// Cheap to clone: `append` takes `&mut self`, so each user has one of its own.
#[derive(Clone)]
pub struct LedgerStore {
    ledger: Arc<Ledger>,
}

#[derive(Debug)]
pub enum StoreError {
    /// the stream is at another version than the one expected
    Conflict,
    /// the event belongs to another stream than the one it was handed in for
    ForeignEvent(StreamId),
    Unfoldable(Unfoldable),
    Commit(CommitError),
    Read(ReadError),
    /// the kernel's numbers end before this position
    BeyondKernel(u64),
    /// nothing is ever taken out of the ledger
    AppendOnly,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Conflict => f.write_str("the stream has moved: load it again and decide again"),
            StoreError::ForeignEvent(stream) => {
                write!(f, "an event of stream {stream} can't be appended to another")
            }
            StoreError::Unfoldable(cause) => cause.fmt(f),
            StoreError::Commit(cause) => cause.fmt(f),
            StoreError::Read(cause) => cause.fmt(f),
            StoreError::BeyondKernel(number) => {
                write!(f, "position {number} is beyond the kernel's u32; read it through ledger::read")
            }
            StoreError::AppendOnly => f.write_str("the ledger is append-only; end things by an event"),
        }
    }
}

impl std::error::Error for StoreError {}

impl AppendError for StoreError {
    fn is_conflict_error(&self) -> bool {
        matches!(self, StoreError::Conflict | StoreError::Commit(CommitError::Conflict))
    }
}

impl From<ReadError> for StoreError {
    fn from(cause: ReadError) -> Self {
        StoreError::Read(cause)
    }
}

impl From<DbError> for StoreError {
    fn from(cause: DbError) -> Self {
        StoreError::Read(cause.into())
    }
}

impl From<ExecuteError> for StoreError {
    fn from(cause: ExecuteError) -> Self {
        match cause {
            ExecuteError::Read(cause) => StoreError::Read(cause),
            ExecuteError::Commit(cause) => StoreError::Commit(cause),
            // Only a command meets these, and none is carried out here.
            ExecuteError::Refused(_) | ExecuteError::RetryMismatch | ExecuteError::RetryInProgress => {
                StoreError::Commit(CommitError::Unavailable)
            }
        }
    }
}

impl LedgerStore {
    pub fn new(ledger: Arc<Ledger>) -> Self {
        LedgerStore { ledger }
    }

    async fn append_at(
        &self,
        stream: StreamId,
        expected: Expected,
        events: Vec<Recorded>,
    ) -> Result<u32, StoreError> {
        for _ in 0..limits::DECISION_ATTEMPTS {
            let seen = self.ledger.progress().applied;
            let before = read::fold(self.all_of(stream).await?)?.state;
            let version = before.version();
            if matches!(expected, Expected::Exact(wanted) if wanted != version) {
                return Err(StoreError::Conflict);
            }
            if events.is_empty() {
                return Ok(version);
            }
            let events = match expected {
                Expected::Exact(_) => events.clone(),
                Expected::Any => renumbered(&events, version),
            };
            match self.commit(stream, seen, before, events).await {
                // Whoever expects no version lets another go first.
                Err(StoreError::Commit(CommitError::Conflict)) if expected == Expected::Any => {}
                outcome => return outcome,
            }
        }
        Err(StoreError::Commit(CommitError::Busy))
    }

    /// One proposal of one write.
    async fn commit(
        &self,
        stream: StreamId,
        seen: u64,
        before: Arc<StreamState>,
        events: Vec<Recorded>,
    ) -> Result<u32, StoreError> {
        let after = foldable(stream, &before, &events)?;
        let quotas = quotas(&before, &events, None);
        let writes = vec![Write { stream, before, events }];
        let proposal = Proposal { seen, writes, guards: Vec::new(), quotas, answer: None };
        self.ledger.submit.commit(proposal, Lane::People).await.map_err(StoreError::Commit)?;
        Ok(after.version())
    }

    /// The kernel names streams, not whose they are.
    async fn all_of(&self, stream: StreamId) -> Result<Vec<Positioned>, StoreError> {
        let client = self.ledger.database.system().await?;
        let events = in_time(self.ledger.reader.stream(&client, stream)).await?;
        client.give_back();
        Ok(events)
    }

    async fn events_of(&self, stream: StreamId, first: u32) -> Result<Vec<Persistent>, StoreError> {
        let wanted = self.all_of(stream).await?.into_iter().filter(|event| event.recorded.version >= first);
        wanted.map(persisted).collect()
    }

    async fn page(&self, first: u64) -> Result<Vec<Positioned>, StoreError> {
        let client = self.ledger.database.system().await?;
        let page = in_time(self.ledger.reader.events(&client, first, limits::FOLLOW_PAGE)).await?;
        client.give_back();
        Ok(page)
    }
}

type Persistent = Persisted<StreamId, Recorded>;

/// The sequencer takes only what folds; here anything may be handed in.
fn foldable(stream: StreamId, before: &StreamState, events: &[Recorded]) -> Result<StreamState, StoreError> {
    let mut state = before.clone();
    for event in events {
        if event.stream != stream {
            return Err(StoreError::ForeignEvent(event.stream));
        }
        state = state.folded(event.clone()).map_err(StoreError::Unfoldable)?;
    }
    Ok(state)
}

fn renumbered(events: &[Recorded], version: u32) -> Vec<Recorded> {
    let numbered = events.iter().zip(version + 1..);
    numbered.map(|(event, version)| Recorded { version, ..event.clone() }).collect()
}

fn persisted(event: Positioned) -> Result<Persistent, StoreError> {
    let Positioned { position, recorded } = event;
    let sequence_number = u32::try_from(position).map_err(|_| StoreError::BeyondKernel(position))?;
    let (stream, version) = (recorded.stream, recorded.version);
    Ok(Persisted::from(stream, recorded).version(version).sequence_number(sequence_number))
}

/// The kernel's `From` is inclusive.
fn first(select: Select) -> u32 {
    match select {
        Select::All => 0,
        Select::From(first) => first,
    }
}

impl EventStore for LedgerStore {
    type SourceId = StreamId;
    type Event = Recorded;
    type Error = StoreError;

    fn append(
        &mut self,
        stream: StreamId,
        expected: Expected,
        events: Vec<Recorded>,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        self.append_at(stream, expected, events).boxed()
    }

    fn stream(
        &self,
        stream: StreamId,
        select: Select,
    ) -> BoxFuture<'_, Result<EventStream<'_, Self>, StoreError>> {
        async move {
            let events = self.events_of(stream, first(select)).await?;
            Ok(stream::iter(events.into_iter().map(Ok)).boxed())
        }
        .boxed()
    }

    /// `From` counts positions. Page by page: the whole ledger need not fit anywhere.
    fn stream_all(&self, select: Select) -> BoxFuture<'_, Result<EventStream<'_, Self>, StoreError>> {
        let pages = stream::try_unfold(u64::from(first(select)), move |next| async move {
            let page = self.page(next).await?;
            let Some(last) = page.last().map(|event| event.position) else { return Ok(None) };
            let events: Vec<_> = page.into_iter().map(persisted).collect();
            Ok::<_, StoreError>(Some((stream::iter(events), last + 1)))
        });
        async move { Ok(futures::TryStreamExt::try_flatten(pages).boxed()) }.boxed()
    }

    fn remove(&mut self, _: StreamId) -> BoxFuture<'_, Result<(), StoreError>> {
        futures::future::ready(Err(StoreError::AppendOnly)).boxed()
    }
}
