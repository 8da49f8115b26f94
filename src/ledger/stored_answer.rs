//! Answers kept for retries: one Idempotency-Key has one effect and one answer. What is stored is sealed under the key itself and
//! a key kept outside, and a read of it sees its own operator's answers alone.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tokio_postgres::types::ToSql;

use super::execute::{Answer, ExecuteError, Executed, Ledger, Order, Retry};
use super::fresh::FreshSecrets;
use super::order::Render;
use super::proposal::{AnswerDraft, StoredAnswer};
use super::read::ReadError;
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::ids::OperatorId;
use crate::domain::stream::StreamState;
use crate::limits;

/// The member of a kept answer that tells its position when no event was written.
const POSITION: &str = "position";
const ANSWER: &str =
    "select request_digest, status, answer, position from credledger.read_answer($1, $2, $3, $4)";

/// Where an answer is kept: under its operator and a keyed digest of the Idempotency-Key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    operator: OperatorId,
    digest: [u8; 32],
}

/// How a command is answered. What is kept for repeats is what whoever asked first is told, too: made anew it might hold
/// what came in between, such as a use of the secret.
#[derive(Clone)]
pub(super) struct Telling {
    pub secrets: Arc<FreshSecrets>,
    pub now: Timestamp,
    kept: Arc<Mutex<Option<Answer>>>,
}

impl Telling {
    pub fn new(secrets: Arc<FreshSecrets>, now: Timestamp) -> Self {
        Telling { secrets, now, kept: Arc::default() }
    }

    fn anew(&self, render: &Render, state: &StreamState) -> Answer {
        self.secrets.show(|secret| render(state, secret, self.now))
    }

    fn keep(&self, answer: Answer) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub fn tell(&self, render: &Render, state: &StreamState) -> Answer {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| self.anew(render, state))
    }
}

impl Ledger {
    /// The key under which the order's answer is kept, where it came with an Idempotency-Key.
    pub(super) fn answer_key(&self, order: &Order) -> Option<AnswerKey> {
        let (retry, operator) = order.retry.as_ref().zip(order.caller.actor.operator())?;
        let digest = self.vault().lookup("idempotency key", retry.key.as_bytes());
        Some(AnswerKey { operator, digest })
    }

    /// The answer of an earlier, equal request under the same key.
    pub(super) async fn stored_answer(
        &self,
        order: &Order,
        AnswerKey { operator, digest }: AnswerKey,
    ) -> Result<Option<Executed>, ExecuteError> {
        let Some(retry) = &order.retry else { return Ok(None) };
        let Some((answer, position)) = self.answer_kept(retry, AnswerKey { operator, digest }).await? else {
            return Ok(None);
        };
        let enforced = self.enforced(order, position).await;
        Ok(Some(Executed { answer, position, enforced, changed: false, replayed: true }))
    }

    /// As it was stored, and where the events stand that came with it.
    async fn answer_kept(
        &self,
        retry: &Retry,
        AnswerKey { operator, digest }: AnswerKey,
    ) -> Result<Option<(Answer, Option<u64>)>, ExecuteError> {
        let kept_ms = limits::IDEMPOTENCY_KEPT.as_millis() as i64;
        let not_before = self.clock.now().millis().saturating_sub(kept_ms);
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&self.reader.ledger, &operator.0, &digest.as_slice(), &not_before];
        let row = self.database.ask(Sight::Answers(operator.0), ANSWER, &parameters).await?.pop();
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
        Ok(Some((answer, position)))
    }

    /// For what is written beside the ledger: the answer of an earlier, equal request under the same key, or the place for this one's.
    pub async fn answer_beside(
        &self,
        operator: OperatorId,
        retry: &Retry,
    ) -> Result<Beside<'_>, ExecuteError> {
        let digest = self.vault().lookup("idempotency key", retry.key.as_bytes());
        let key = AnswerKey { operator, digest };
        let running = self.run_alone(key).ok_or(ExecuteError::RetryInProgress)?;
        Ok(match self.answer_kept(retry, key).await? {
            Some((answer, _)) => Beside::Answered(answer),
            None => Beside::Open(running, digest),
        })
    }

    /// How the body of such an answer is kept.
    pub fn seal_answer(&self, operator: OperatorId, retry: &Retry, body: &Map<String, Value>) -> Vec<u8> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.vault().seal(&sealing_context(operator, &retry.key), &body)
    }

    /// What is to be kept beside the events. `unmoved` is where the resource's last event stands when there is none to write:
    /// the append then has no position of its own to keep.
    pub(super) fn answer_draft(
        &self,
        order: &Order,
        before: &Arc<StreamState>,
        unmoved: Option<u64>,
        AnswerKey { operator, digest }: AnswerKey,
        telling: &Telling,
    ) -> Option<AnswerDraft> {
        let retry = order.retry.as_ref()?;
        let (render, vault, telling) = (order.render.clone(), self.reader.vault.clone(), telling.clone());
        let (before, context) = (before.clone(), sealing_context(operator, &retry.key));
        let render = move |after: &StreamState| {
            let state = if matches!(after, StreamState::Empty) { &before } else { after };
            let mut answer = telling.anew(&render, state);
            answer.body.extend(unmoved.map(|position| (POSITION.to_owned(), position.into())));
            let (status, body) = (answer.status.cast_signed(), json!(answer.body).to_string());
            telling.keep(answer);
            StoredAnswer { status, sealed: vault.seal(&context, body.as_bytes()) }
        };
        let request_digest = retry.request_digest;
        Some(AnswerDraft { operator, key_digest: digest, request_digest, render: Box::new(render) })
    }

    /// None while another request runs under the same key.
    pub(super) fn run_alone(&self, key: AnswerKey) -> Option<Running<'_>> {
        let fresh = self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        fresh.then_some(Running { ledger: self, key })
    }
}

/// Whether a request under an Idempotency-Key was answered before.
pub enum Beside<'a> {
    Answered(Answer),
    /// not yet: the key's digest, held while this is
    Open(Running<'a>, [u8; 32]),
}

/// Holds an Idempotency-Key while its first request runs.
pub struct Running<'a> {
    ledger: &'a Ledger,
    key: AnswerKey,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.ledger.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn sealing_context(operator: OperatorId, key: &str) -> Vec<u8> {
    [b"stored answer".as_slice(), operator.0.as_bytes(), key.as_bytes()].concat()
}
