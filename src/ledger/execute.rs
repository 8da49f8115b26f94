//! The one way in: load → decide → propose → commit, and again when a stream that was read has moved.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_postgres::types::ToSql;

use super::follow::Progress;
use super::fresh::FreshSecrets;
use super::proposal::{AnswerDraft, CommitError, Committed, Proposal, Quota, StoredAnswer, Write};
use super::read::{Loaded, ReadError, Reader};
use super::sequencer::Submit;
use super::streams::Streams;
use crate::clock::{Clock, Timestamp};
use crate::db::{Database, DbError, in_time};
use crate::domain::command::{Asked, Command, Seen};
use crate::domain::event::{Actor, ClaimKind, Recorded};
use crate::domain::ids::{OperatorId, StreamId, TokenId};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::secret::PlainSecret;
use crate::domain::stream::{Lifecycle, StreamState};
use crate::domain::{Caller, Context};
use crate::limits;
use crate::vault::Vault;

/// The member of a kept answer that tells its position when no event was written.
const POSITION: &str = "position";
const ANSWER: &str =
    "select request_digest, status, answer, position from credledger.read_answer($1, $2, $3, $4)";

/// One command to carry out.
pub struct Order {
    pub stream: StreamId,
    pub command: Command,
    pub caller: Caller,
    /// the operator token that the caller came with
    pub token: Option<TokenId>,
    pub if_versions: Option<Vec<u64>>,
    pub retry: Option<Retry>,
    pub housekeeping: bool,
    /// answer only once this node's verdicts follow, within a bound
    pub wait: bool,
    pub render: Render,
}

/// How the answer reads: of the state after the command, the secret that it made, and the instant it was decided at.
/// Position and what else is known only afterwards are added by whoever answers.
pub type Render = Arc<dyn Fn(&StreamState, Option<&PlainSecret>, Timestamp) -> Answer + Send + Sync>;

#[derive(Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Map<String, Value>,
}

/// The body may hold a secret: printing it prints its names alone.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members: Vec<_> = self.body.keys().collect();
        f.debug_struct("Answer").field("status", &self.status).field("members", &members).finish()
    }
}

/// An Idempotency-Key, and what the request says under it.
pub struct Retry {
    pub key: String,
    pub request_digest: [u8; 32],
}

#[derive(Clone, Debug)]
pub struct Executed {
    pub answer: Answer,
    /// of the command's last event, or of the resource's when there was nothing to do
    pub position: Option<u64>,
    /// this node's verdicts follow it already
    pub enforced: bool,
    /// the stored answer of an earlier, equal request
    pub replayed: bool,
}

#[derive(Debug)]
pub enum ExecuteError {
    Refused(Refusal),
    /// the same Idempotency-Key came with another request
    RetryMismatch,
    /// the first request with this Idempotency-Key is still running
    RetryInProgress,
    Commit(CommitError),
    Read(ReadError),
}

impl std::fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExecuteError::Refused(refusal) => refusal.fmt(f),
            ExecuteError::RetryMismatch => {
                f.write_str("this Idempotency-Key came with another request before")
            }
            ExecuteError::RetryInProgress => {
                f.write_str("the first request with this Idempotency-Key still runs")
            }
            ExecuteError::Commit(error) => error.fmt(f),
            ExecuteError::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExecuteError {}

impl From<ReadError> for ExecuteError {
    fn from(cause: ReadError) -> Self {
        ExecuteError::Read(cause)
    }
}

impl From<DbError> for ExecuteError {
    fn from(cause: DbError) -> Self {
        ExecuteError::Read(cause.into())
    }
}

/// The ledger, for whoever commands it.
pub struct Ledger {
    pub(super) reader: Reader,
    pub(super) database: Database,
    pub(super) clock: Arc<Clock>,
    pub(super) submit: Submit,
    pub(super) streams: Arc<Streams>,
    pub(super) progress: watch::Receiver<Progress>,
    running: Mutex<HashSet<(OperatorId, [u8; 32])>>,
    /// where commands run: beside the requests that brought them
    runtime: Handle,
}

impl Ledger {
    pub fn new(
        reader: Reader,
        database: Database,
        clock: Arc<Clock>,
        submit: Submit,
        streams: Arc<Streams>,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Ledger {
            reader,
            database,
            clock,
            submit,
            streams,
            progress,
            running: Mutex::default(),
            runtime: Handle::current(),
        }
    }

    /// Carries the command out to its end, also when whoever asked goes away in the middle: what was begun is known here,
    /// and a repeat of it finds it.
    pub async fn execute(self: &Arc<Self>, order: Order) -> Result<Executed, ExecuteError> {
        let ledger = self.clone();
        let task = self.runtime.spawn(async move { ledger.run(order).await });
        task.await.unwrap_or(Err(ExecuteError::Commit(CommitError::OutcomeUnknown)))
    }

    async fn run(&self, order: Order) -> Result<Executed, ExecuteError> {
        let key = order.retry.as_ref().zip(order.caller.actor.operator()).map(|(retry, operator)| {
            (operator, self.vault().lookup("idempotency key", retry.key.as_bytes()))
        });
        let Some(key) = key else { return self.carry_out(&order, None).await };
        let _running = self.run_alone(key).ok_or(ExecuteError::RetryInProgress)?;
        if let Some(replayed) = self.stored_answer(&order, key).await? {
            return Ok(replayed);
        }
        self.carry_out(&order, Some(key)).await
    }

    async fn carry_out(
        &self,
        order: &Order,
        key: Option<(OperatorId, [u8; 32])>,
    ) -> Result<Executed, ExecuteError> {
        let mut fresh_reads = false;
        for _ in 0..limits::DECISION_ATTEMPTS {
            let secrets = Arc::new(FreshSecrets::new(self.reader.vault.clone(), self.clock.clone()));
            let loaded = self.load(order, fresh_reads).await?;
            let asked = self.asked(order, &loaded, &secrets);
            let events = match asked.decide(order.stream, &loaded.subject.state) {
                Ok(events) if fresh_reads || !events.is_empty() => events,
                // Decided on kept states, a refusal, or that there is nothing to do, may be out of date: the database
                // is asked once.
                Ok(_) | Err(_) if !fresh_reads => {
                    fresh_reads = true;
                    continue;
                }
                Ok(events) => events,
                Err(refusal) => return self.refused(order, key, refusal).await,
            };
            let now = asked.context.now;
            if events.is_empty() && key.is_none() {
                let answer = (order.render)(&loaded.subject.state, None, now);
                let enforced = self.enforced(order, loaded.subject.position).await;
                return Ok(Executed { answer, position: loaded.subject.position, enforced, replayed: false });
            }
            let claims = Claims::of(&events);
            let proposal = self.proposal(order, &loaded, events, key, &secrets, now);
            match self.submit.commit(proposal, order.housekeeping).await {
                Ok(committed) => return Ok(self.done(order, &loaded, committed, &secrets, now).await),
                Err(CommitError::Conflict) => fresh_reads = true,
                Err(CommitError::ClaimTaken) => claims.refuse()?,
                Err(CommitError::AlreadyAnswered) => {
                    let Some(key) = key else {
                        return Err(ExecuteError::Commit(CommitError::AlreadyAnswered));
                    };
                    if let Some(replayed) = self.stored_answer(order, key).await? {
                        return Ok(replayed);
                    }
                }
                Err(error) => return Err(ExecuteError::Commit(error)),
            }
        }
        Err(ExecuteError::Commit(CommitError::Busy))
    }

    /// A repeat may come while its first request is being written: then what refuses it is its own effect.
    async fn refused(
        &self,
        order: &Order,
        key: Option<(OperatorId, [u8; 32])>,
        refusal: Refusal,
    ) -> Result<Executed, ExecuteError> {
        let stored = match key {
            Some(key) => self.stored_answer(order, key).await?,
            None => None,
        };
        stored.ok_or(ExecuteError::Refused(refusal))
    }

    async fn done(
        &self,
        order: &Order,
        loaded: &LoadedStreams,
        committed: Committed,
        secrets: &FreshSecrets,
        now: Timestamp,
    ) -> Executed {
        let position = committed.position.or(loaded.subject.position);
        let state = committed.after.first().unwrap_or(&loaded.subject.state);
        if committed.position.is_some() {
            self.streams.keep(order.stream, &Loaded { state: state.clone(), position });
        }
        let enforced = self.enforced(order, position).await;
        let answer = secrets.show(|secret| (order.render)(state, secret, now));
        Executed { answer, position, enforced, replayed: false }
    }

    fn asked(&self, order: &Order, loaded: &LoadedStreams, fresh: &Arc<FreshSecrets>) -> Asked {
        let tenant = match &order.command {
            Command::Credential(..) => {
                loaded.tenant.as_ref().and_then(|loaded| loaded.state.tenant().cloned())
            }
            Command::Tenant(_) | Command::Operator(_) => None,
        };
        let operator = loaded.operator.as_ref().and_then(|loaded| loaded.state.operator().cloned());
        Asked {
            command: order.command.clone(),
            seen: Seen { tenant, operator: operator.map(|operator| (operator, order.token)) },
            context: Context { now: self.clock.now(), caller: order.caller.clone(), fresh: fresh.clone() },
            if_versions: order.if_versions.clone(),
        }
    }

    fn proposal(
        &self,
        order: &Order,
        loaded: &LoadedStreams,
        events: Vec<Recorded>,
        key: Option<(OperatorId, [u8; 32])>,
        secrets: &Arc<FreshSecrets>,
        now: Timestamp,
    ) -> Proposal {
        let guards = loaded.guards(order, events.is_empty());
        let quotas = quotas(&loaded.subject.state, &events);
        // Without an event the append has no position to keep beside the answer: then it is kept in it.
        let unmoved = loaded.subject.position.filter(|_| events.is_empty());
        let writes = match events.is_empty() {
            true => Vec::new(),
            false => vec![Write { stream: order.stream, before: loaded.subject.state.clone(), events }],
        };
        let answer = order.retry.as_ref().zip(key).map(|(retry, (operator, key_digest))| {
            let (render, vault, secrets) = (order.render.clone(), self.reader.vault.clone(), secrets.clone());
            let (before, context) = (loaded.subject.state.clone(), sealing_context(operator, &retry.key));
            AnswerDraft {
                operator,
                key_digest,
                request_digest: retry.request_digest,
                render: Box::new(move |after| {
                    let state = if matches!(after, StreamState::Empty) { &before } else { after };
                    let mut answer = secrets.show(|secret| render(state, secret, now));
                    answer.body.extend(unmoved.map(|position| (POSITION.to_owned(), position.into())));
                    let body = Value::Object(answer.body).to_string();
                    StoredAnswer {
                        status: answer.status.cast_signed(),
                        sealed: vault.seal(&context, body.as_bytes()),
                    }
                }),
            }
        });
        Proposal { writes, guards, quotas, answer }
    }

    async fn load(&self, order: &Order, fresh: bool) -> Result<LoadedStreams, ExecuteError> {
        let tenant = match &order.command {
            Command::Credential(tenant, _) => Some(StreamId::from(*tenant)),
            Command::Tenant(_) | Command::Operator(_) => None,
        };
        let operator = order.caller.actor.operator().map(StreamId::from);
        let mut wanted: Vec<StreamId> =
            [Some(order.stream), tenant, operator].into_iter().flatten().collect();
        wanted.dedup();
        let streams = self.read(&wanted, fresh, order.creates()).await?;
        let found = |stream: StreamId| {
            let index = wanted.iter().position(|wanted| *wanted == stream);
            index.map_or_else(Loaded::default, |index| streams[index].clone())
        };
        Ok(LoadedStreams {
            subject: found(order.stream),
            tenant: tenant.map(found),
            operator: operator.map(found),
            operator_stream: operator,
            tenant_stream: tenant,
        })
    }

    /// Kept states where there are any, the database for the rest. A stream with a fresh id has no events to read.
    async fn read(
        &self,
        wanted: &[StreamId],
        fresh: bool,
        creates: bool,
    ) -> Result<Vec<Loaded>, ExecuteError> {
        let kept: Vec<Option<Loaded>> = wanted
            .iter()
            .enumerate()
            .map(|(index, stream)| match (fresh, index) {
                (_, 0) if creates => Some(Loaded::default()),
                (true, _) => None,
                (false, _) => self.streams.get(*stream),
            })
            .collect();
        let missing: Vec<StreamId> =
            wanted.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).map(|(stream, _)| *stream).collect();
        let mut read = Vec::new();
        if !missing.is_empty() {
            let client = self.database.system().await?;
            read = in_time(self.reader.streams(&client, &missing)).await?;
            client.give_back();
            for (stream, loaded) in missing.iter().zip(&read) {
                self.streams.keep(*stream, loaded);
            }
        }
        let mut read = read.into_iter();
        Ok(kept.into_iter().map(|kept| kept.or_else(|| read.next()).unwrap_or_default()).collect())
    }

    /// A tenant's or an operator's state as the last command or decision here knew it.
    pub async fn kept(&self, stream: StreamId) -> Result<Loaded, ExecuteError> {
        let loaded = self.read(&[stream], false, false).await?;
        Ok(loaded.into_iter().next().unwrap_or_default())
    }

    /// A stream's state as the database has it now.
    pub async fn current(&self, stream: StreamId) -> Result<Loaded, ExecuteError> {
        let loaded = self.read(&[stream], true, false).await?;
        Ok(loaded.into_iter().next().unwrap_or_default())
    }

    /// Whether this node's verdicts follow the position; waits for it, boundedly, where the order asks for that.
    async fn enforced(&self, order: &Order, position: Option<u64>) -> bool {
        let Some(position) = position else { return true };
        match order.wait {
            true => self.reached_within(position, limits::ENFORCE_WAIT).await,
            false => self.progress().applied > position,
        }
    }

    pub async fn reached_within(&self, position: u64, wait: std::time::Duration) -> bool {
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|progress| progress.applied > position || progress.stopped);
        match tokio::time::timeout(wait, reached).await {
            Ok(Ok(progress)) => progress.applied > position,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    async fn stored_answer(
        &self,
        order: &Order,
        (operator, key_digest): (OperatorId, [u8; 32]),
    ) -> Result<Option<Executed>, ExecuteError> {
        let Some(retry) = &order.retry else { return Ok(None) };
        let kept_ms = limits::IDEMPOTENCY_KEPT.as_millis() as i64;
        let not_before = self.clock.now().millis().saturating_sub(kept_ms);
        let client = self.database.system().await?;
        let row = in_time(async {
            let parameters: [&(dyn ToSql + Sync); 4] =
                [&self.reader.ledger, &operator.0, &key_digest.as_slice(), &not_before];
            Ok::<_, DbError>(client.query_opt(ANSWER, &parameters).await?)
        })
        .await?;
        client.give_back();
        let Some(row) = row else { return Ok(None) };
        if row.get::<_, &[u8]>(0) != retry.request_digest {
            return Err(ExecuteError::RetryMismatch);
        }
        let position = row.get::<_, Option<i64>>(3).map(i64::cast_unsigned);
        let body = self.vault().open(&sealing_context(operator, &retry.key), row.get(2)).ok();
        let body = body.and_then(|plain| serde_json::from_slice::<Map<String, Value>>(&plain).ok());
        let Some(body) = body else {
            return Err(ExecuteError::Read(ReadError::Forged { position: position.unwrap_or_default() }));
        };
        let position = position.or_else(|| body.get(POSITION).and_then(Value::as_u64));
        let answer = Answer { status: row.get::<_, i16>(1).cast_unsigned(), body };
        let enforced = self.enforced(order, position).await;
        Ok(Some(Executed { answer, position, enforced, replayed: true }))
    }

    fn run_alone(&self, key: (OperatorId, [u8; 32])) -> Option<Running<'_>> {
        let fresh = self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        fresh.then_some(Running { ledger: self, key })
    }

    pub fn vault(&self) -> &Vault {
        &self.reader.vault
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }
}

/// Holds an Idempotency-Key while its first request runs.
struct Running<'a> {
    ledger: &'a Ledger,
    key: (OperatorId, [u8; 32]),
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.ledger.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

struct LoadedStreams {
    subject: Loaded,
    tenant: Option<Loaded>,
    tenant_stream: Option<StreamId>,
    operator: Option<Loaded>,
    operator_stream: Option<StreamId>,
}

impl LoadedStreams {
    /// Every stream that the decision read and does not write.
    fn guards(&self, order: &Order, writes_nothing: bool) -> Vec<(StreamId, u32)> {
        let subject = writes_nothing.then_some((order.stream, self.subject.state.version()));
        let version = |stream: Option<StreamId>, loaded: &Option<Loaded>| {
            let stream = stream.filter(|stream| *stream != order.stream)?;
            Some((stream, loaded.as_ref()?.state.version()))
        };
        let tenant = version(self.tenant_stream, &self.tenant);
        let operator = version(self.operator_stream, &self.operator);
        [subject, tenant, operator].into_iter().flatten().collect()
    }
}

/// What the claims of the events mean when one is taken.
struct Claims {
    taken: Option<&'static str>,
}

impl Claims {
    fn of(events: &[Recorded]) -> Self {
        let kinds = events.iter().flat_map(|recorded| recorded.event.claims());
        let mut taken = kinds.filter_map(|claim| match claim.kind {
            ClaimKind::SecretPrefix => None,
            ClaimKind::TenantSlug => Some("This slug is taken. Choose another."),
            ClaimKind::FirstOperator => Some("This ledger has its first operator already."),
        });
        Claims { taken: taken.next_back() }
    }

    /// A random prefix that is taken is drawn again; a chosen name is refused.
    fn refuse(&self) -> Result<(), ExecuteError> {
        match self.taken {
            None => Ok(()),
            Some(detail) => Err(ExecuteError::Refused(Refusal::new(RefusalKind::Conflict, detail))),
        }
    }
}

impl Order {
    fn creates(&self) -> bool {
        self.command.creates()
    }
}

/// Active credentials are counted exactly, in the append.
pub(super) fn quotas(before: &StreamState, events: &[Recorded]) -> Vec<Quota> {
    let counts =
        |state: &StreamState| i64::from(state.credential().is_some_and(|credential| credential.counts()));
    let after = Lifecycle::after_decided(before.clone(), events.to_vec());
    let delta = counts(&after) - counts(before);
    let tenant = after.credential().map(|credential| credential.tenant);
    let quota = tenant.filter(|_| delta != 0).map(|tenant| Quota {
        tenant,
        name: "active_credentials",
        delta,
        limit: None,
    });
    quota.into_iter().collect()
}

fn sealing_context(operator: OperatorId, key: &str) -> Vec<u8> {
    [b"stored answer".as_slice(), operator.0.as_bytes(), key.as_bytes()].concat()
}

impl Actor {
    fn operator(self) -> Option<OperatorId> {
        if let Actor::Operator(id) = self { Some(id) } else { None }
    }
}
