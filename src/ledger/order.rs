//! What is ordered of the ledger, and what comes of it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::proposal::CommitError;
use super::read::ReadError;
use super::tally::Lane;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::domain::Caller;
use crate::domain::access_token;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, RecordDue};
use crate::domain::event::Actor;
use crate::domain::ids::{CredentialId, OperatorId, StreamId, TenantId, TokenId};
use crate::domain::refusal::Refusal;
use crate::domain::secret::PlainSecret;
use crate::domain::stream::StreamState;

/// One command to carry out.
pub struct Order {
    pub stream: StreamId,
    pub command: Command,
    pub caller: Caller,
    /// the operator token that the caller came with
    pub token: Option<TokenId>,
    pub if_versions: Option<Vec<u64>>,
    pub retry: Option<Retry>,
    /// whose it is: who waits for whom
    pub lane: Lane,
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
    /// whether there was anything to do
    pub changed: bool,
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

impl Order {
    /// Of nobody's token, without conditions, carried out before it is answered; the answer holds the secret that was made, and
    /// nothing else.
    pub fn of(stream: StreamId, command: Command, caller: Caller) -> Self {
        Order {
            stream,
            command,
            caller,
            token: None,
            if_versions: None,
            retry: None,
            lane: Lane::People,
            wait: true,
            render: Arc::new(|_, secret, _| {
                let secret = secret.map(|secret| ("secret".to_owned(), secret.reveal().into()));
                Answer { status: 200, body: Map::from_iter(secret) }
            }),
        }
    }

    /// Write down that something of a credential came to its end by time.
    pub fn record_due(tenant: TenantId, credential: CredentialId, request_id: String) -> Self {
        Order::by_itself(tenant, credential, CredentialCommand::RecordDue(RecordDue), request_id)
    }

    /// The end of one access token.
    pub fn of_token(tenant: TenantId, revoke: access_token::Revoke, caller: Caller) -> Self {
        let stream = access_token::stream(revoke.credential, revoke.token);
        Order::of(stream, Command::AccessToken(tenant, revoke), caller)
    }

    /// What the service does on a credential by itself.
    pub(super) fn by_itself(
        tenant: TenantId,
        credential: CredentialId,
        command: CredentialCommand,
        request_id: String,
    ) -> Self {
        let command = Command::Credential(tenant, None, vec![command]);
        let caller = Caller { actor: Actor::System, client_ip: None, request_id };
        Order { wait: false, ..Order::of(credential.into(), command, caller) }
    }

    pub(super) fn creates(&self) -> bool {
        self.command.creates()
    }
}

impl Actor {
    pub fn operator(self) -> Option<OperatorId> {
        if let Actor::Operator(id) = self { Some(id) } else { None }
    }
}
