//! The one way in: load → decide → propose → commit, and again when a stream that was read has moved.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::follow::Progress;
use super::fresh::FreshSecrets;
use super::load::LoadedStreams;
pub use super::order::{Answer, ExecuteError, Executed, Order, Render, Retry};
use super::proposal::{CommitError, Committed, Proposal, Write};
use super::quotas::{is_salted, over_quota, quotas};
use super::read::{Loaded, Reader};
use super::sequencer::Submit;
use super::stored_answer::{AnswerKey, Telling};
use super::streams::Streams;
use super::tally::{Lane, Tally};
use super::within_plan::Ended;
use crate::clock::Clock;
use crate::db::Database;
use crate::domain::Context;
use crate::domain::command::{Asked, Seen};
use crate::domain::event::{ClaimKind, Recorded};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::limits;
use crate::vault::Vault;

/// The ledger, for whoever commands it.
pub struct Ledger {
    pub(super) reader: Reader,
    pub(super) database: Database,
    pub(super) clock: Arc<Clock>,
    pub(super) submit: Submit,
    pub(super) streams: Arc<Streams>,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) ended: Arc<dyn Ended>,
    pub(super) running: Mutex<HashSet<AnswerKey>>,
    /// where commands run: beside the requests that brought them
    pub(super) runtime: Handle,
}

impl Ledger {
    pub fn new(
        reader: Reader,
        database: Database,
        clock: Arc<Clock>,
        submit: Submit,
        streams: Arc<Streams>,
        progress: watch::Receiver<Progress>,
        ended: Arc<dyn Ended>,
    ) -> Self {
        Ledger {
            reader,
            database,
            clock,
            submit,
            streams,
            progress,
            ended,
            running: Mutex::default(),
            runtime: Handle::current(),
        }
    }

    /// Carries the command out to its end, also when whoever asked goes away in the middle: what was begun is known here,
    /// and a repeat of it finds it.
    pub async fn execute(self: &Arc<Self>, order: Order) -> Result<Executed, ExecuteError> {
        self.execute_made_ready(order, |order| std::future::ready(Ok(order))).await
    }

    /// The same of an order that something has to be made for first: that begins only once no earlier answer takes its place.
    pub async fn execute_made_ready<E, F>(
        self: &Arc<Self>,
        order: Order,
        make_ready: impl FnOnce(Order) -> F + Send + 'static,
    ) -> Result<Executed, E>
    where
        E: From<ExecuteError> + Send + 'static,
        F: Future<Output = Result<Order, E>> + Send + 'static,
    {
        let ledger = self.clone();
        let lane = order.lane;
        let task = self.runtime.spawn(async move {
            let executed = ledger.run(order, make_ready).await?;
            ledger.tally().command(lane, &executed);
            Ok(executed?)
        });
        task.await.unwrap_or_else(|_| Err(ExecuteError::Commit(CommitError::OutcomeUnknown).into()))
    }

    /// The outer error: it could not be made ready.
    async fn run<E, F>(
        &self,
        order: Order,
        make_ready: impl FnOnce(Order) -> F,
    ) -> Result<Result<Executed, ExecuteError>, E>
    where
        F: Future<Output = Result<Order, E>>,
    {
        let key = self.answer_key(&order);
        let _running = match key.map(|key| self.run_alone(key)) {
            Some(None) => return Ok(Err(ExecuteError::RetryInProgress)),
            running => running.flatten(),
        };
        let answered = match key {
            Some(key) => self.stored_answer(&order, key).await,
            None => Ok(None),
        };
        if let Some(answered) = answered.transpose() {
            return Ok(answered);
        }
        let order = make_ready(order).await?;
        Ok(self.carry_out(&order, key, None).await)
    }

    /// `read`: what the database has just said, for the first attempt.
    pub(super) async fn carry_out(
        &self,
        order: &Order,
        key: Option<AnswerKey>,
        mut read: Option<LoadedStreams>,
    ) -> Result<Executed, ExecuteError> {
        let mut fresh_reads = read.is_some();
        for _ in 0..limits::DECISION_ATTEMPTS {
            let secrets = Arc::new(FreshSecrets::new(self.reader.vault.clone(), self.clock.clone()));
            let loaded = match read.take() {
                Some(read) => read,
                None => self.load(order, fresh_reads).await?,
            };
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
                let position = loaded.subject.position;
                return Ok(Executed { answer, position, enforced, changed: false, replayed: false });
            }
            let (claims, salted) = (Claims::of(&events), is_salted(&events));
            let telling = Telling::new(secrets, now);
            let proposal = self.proposal(order, &loaded, events, key, &telling);
            match self.submit.commit(proposal, order.lane).await {
                Ok(committed) => return Ok(self.done(order, &loaded, committed, &telling).await),
                // Housekeeping comes again by itself, and reads many together.
                Err(CommitError::Conflict) if order.lane == Lane::Housekeeping => {
                    return Err(ExecuteError::Commit(CommitError::Conflict));
                }
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
                Err(CommitError::QuotaExceeded) => return Err(over_quota(&loaded, salted)),
                Err(error) => return Err(ExecuteError::Commit(error)),
            }
        }
        Err(ExecuteError::Commit(CommitError::Busy))
    }

    /// A repeat may come while its first request is being written: then what refuses it is its own effect.
    async fn refused(
        &self,
        order: &Order,
        key: Option<AnswerKey>,
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
        telling: &Telling,
    ) -> Executed {
        let position = committed.position.or(loaded.subject.position);
        let state = committed.after.first().unwrap_or(&loaded.subject.state);
        if committed.position.is_some() {
            self.streams.keep(order.stream, &Loaded { state: state.clone(), position }, loaded.seen);
        }
        let enforced = self.enforced(order, position).await;
        let answer = telling.tell(&order.render, state);
        let changed = committed.position.is_some();
        Executed { answer, position, enforced, changed, replayed: false }
    }

    pub(super) fn asked(&self, order: &Order, loaded: &LoadedStreams, fresh: &Arc<FreshSecrets>) -> Asked {
        let tenant = loaded.tenant.as_ref().and_then(|loaded| loaded.state.tenant().cloned());
        let owner = loaded.owner.as_ref().and_then(|loaded| loaded.state.member().cloned());
        let operator = loaded.operator.as_ref().and_then(|loaded| loaded.state.operator().cloned());
        let plan = loaded.plan.as_ref().and_then(|loaded| loaded.state.plan().cloned());
        let other_root = loaded.other_root.as_ref().and_then(|loaded| loaded.state.operator().cloned());
        Asked {
            command: order.command.clone(),
            seen: Seen {
                tenant,
                operator: operator.map(|operator| (operator, order.token)),
                owner,
                plan,
                other_root,
                held: loaded.held.as_ref().map(|read| read.held.clone()),
            },
            context: Context { now: self.clock.now(), caller: order.caller.clone(), fresh: fresh.clone() },
            if_versions: order.if_versions.clone(),
        }
    }

    fn proposal(
        &self,
        order: &Order,
        loaded: &LoadedStreams,
        events: Vec<Recorded>,
        key: Option<AnswerKey>,
        telling: &Telling,
    ) -> Proposal {
        let guards = loaded.guards(order, events.is_empty());
        let plan = loaded.plan.as_ref().and_then(|loaded| loaded.state.plan());
        let quotas = quotas(&loaded.subject.state, &events, plan);
        let unmoved = loaded.subject.position.filter(|_| events.is_empty());
        let answer =
            key.and_then(|key| self.answer_draft(order, &loaded.subject.state, unmoved, key, telling));
        let writes = match events.is_empty() {
            true => Vec::new(),
            false => vec![Write { stream: order.stream, before: loaded.subject.state.clone(), events }],
        };
        Proposal { seen: loaded.seen, writes, guards, quotas, answer }
    }

    /// Whether this node's verdicts follow the position; waits for it, boundedly, where the order asks for that.
    pub(super) async fn enforced(&self, order: &Order, position: Option<u64>) -> bool {
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

    pub fn tally(&self) -> &Tally {
        &self.submit.tally
    }

    /// How many commands wait for a batch.
    pub fn waiting(&self, lane: Lane) -> usize {
        self.submit.waiting(lane)
    }

    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub fn watch_progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// How long ago the last command of people came.
    pub fn people_away(&self) -> std::time::Duration {
        self.submit.people_away()
    }
}

/// What the claims of the events mean when one is taken.
struct Claims {
    taken: Option<Cow<'static, str>>,
}

impl Claims {
    fn of(events: &[Recorded]) -> Self {
        let kinds = events.iter().flat_map(|recorded| recorded.event.claims());
        let mut taken = kinds.filter_map(|claim| match claim.kind {
            ClaimKind::SecretPrefix | ClaimKind::ClientId => None,
            ClaimKind::ImportedKey => {
                Some("This key is in this ledger already. Each key belongs to one credential.".into())
            }
            ClaimKind::TenantSlug => {
                Some(format!("The slug {:?} is taken. Choose another, as `slug`.", claim.key).into())
            }
            ClaimKind::FirstOperator => Some("This ledger has its first operator already.".into()),
            ClaimKind::Identity => Some("This person is an operator already.".into()),
        });
        Claims { taken: taken.next_back() }
    }

    /// A random prefix that is taken is drawn again; a chosen name is refused.
    fn refuse(&self) -> Result<(), ExecuteError> {
        match &self.taken {
            None => Ok(()),
            Some(detail) => Err(ExecuteError::Refused(Refusal::new(RefusalKind::Conflict, detail.clone()))),
        }
    }
}
