//! One stream of events and its fold, whichever kind it is; and the kernel's view of both.

use eventually::aggregate::{Aggregate, AggregateExt};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::Unfoldable;
use super::access_token::{self, AccessToken};
use super::activity_log::{self, ActivityLog};
use super::command::Asked;
use super::credential::{self, Credential};
use super::erasure::{self, Erasure};
use super::event::{Event, Recorded};
use super::history::History;
use super::ids::StreamId;
use super::imports::{self, Imports};
use super::member::{self, Member};
use super::operator::{self, Operator};
use super::plan::{self, Plan};
use super::refusal::Refusal;
use super::signing_keys::{self, SigningKeys};
use super::tenant::{self, Tenant};

/// What a stream's events amount to.
#[allow(clippy::large_enum_variant)] // nearly all are credentials; a box would be one allocation more for each that is read
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StreamState {
    #[default]
    Empty,
    Tenant(Tenant),
    Credential(Credential),
    Operator(Operator),
    Member(Member),
    Plan(Plan),
    Imports(Imports),
    AccessToken(AccessToken),
    SigningKeys(SigningKeys),
    Erasure(Erasure),
    ActivityLog(ActivityLog),
}

impl StreamState {
    /// The version of the last event; 0 when there is none.
    pub fn version(&self) -> u32 {
        self.history().events
    }

    pub fn history(&self) -> History {
        match self {
            StreamState::Empty => History::default(),
            StreamState::Tenant(tenant) => tenant.history,
            StreamState::Credential(credential) => credential.history,
            StreamState::Operator(operator) => operator.history,
            StreamState::Member(member) => member.history,
            StreamState::Plan(plan) => plan.history,
            StreamState::Imports(imports) => imports.history,
            StreamState::AccessToken(token) => token.history,
            StreamState::SigningKeys(keys) => keys.history,
            StreamState::ActivityLog(log) => log.history,
            StreamState::Erasure(erasure) => erasure.history,
        }
    }

    /// What people did to it: the version that an ETag is made of.
    pub fn people_version(&self) -> u64 {
        match self {
            StreamState::Empty => 0,
            StreamState::Tenant(tenant) => tenant.version,
            StreamState::Credential(credential) => credential.version,
            StreamState::Operator(operator) => operator.version,
            StreamState::Member(member) => member.version,
            StreamState::Plan(plan) => plan.version,
            StreamState::Imports(imports) => imports.version,
            StreamState::AccessToken(token) => token.version,
            StreamState::SigningKeys(keys) => keys.version,
            StreamState::Erasure(erasure) => erasure.version,
            // No people do anything to it.
            StreamState::ActivityLog(_) => 0,
        }
    }

    pub fn tenant(&self) -> Option<&Tenant> {
        if let StreamState::Tenant(tenant) = self { Some(tenant) } else { None }
    }

    pub fn credential(&self) -> Option<&Credential> {
        if let StreamState::Credential(credential) = self { Some(credential) } else { None }
    }

    pub fn operator(&self) -> Option<&Operator> {
        if let StreamState::Operator(operator) = self { Some(operator) } else { None }
    }

    pub fn member(&self) -> Option<&Member> {
        if let StreamState::Member(member) = self { Some(member) } else { None }
    }

    pub fn plan(&self) -> Option<&Plan> {
        if let StreamState::Plan(plan) = self { Some(plan) } else { None }
    }

    pub fn imports(&self) -> Option<&Imports> {
        if let StreamState::Imports(imports) = self { Some(imports) } else { None }
    }

    pub fn signing_keys(&self) -> Option<&SigningKeys> {
        if let StreamState::SigningKeys(keys) = self { Some(keys) } else { None }
    }

    pub fn erasure(&self) -> Option<&Erasure> {
        if let StreamState::Erasure(erasure) = self { Some(erasure) } else { None }
    }

    pub fn activity_log(&self) -> Option<&ActivityLog> {
        if let StreamState::ActivityLog(log) = self { Some(log) } else { None }
    }

    pub fn access_token(&self) -> Option<&AccessToken> {
        if let StreamState::AccessToken(token) = self { Some(token) } else { None }
    }

    /// Total: an event that its state does not explain is an error, never skipped and never a panic.
    pub fn folded(self, recorded: Recorded) -> Result<StreamState, Unfoldable> {
        let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
        if recorded.version != self.version() + 1 {
            return Err(unfoldable("its version is not the next one"));
        }
        match (self, recorded.event.clone()) {
            (StreamState::Empty, Event::Tenant(event)) => {
                tenant::fold(None, event, &recorded).map(StreamState::Tenant)
            }
            (StreamState::Tenant(state), Event::Tenant(event)) => {
                tenant::fold(Some(state), event, &recorded).map(StreamState::Tenant)
            }
            (StreamState::Empty, Event::Credential(kind, event)) => {
                credential::fold(None, kind, event, &recorded).map(StreamState::Credential)
            }
            (StreamState::Credential(state), Event::Credential(kind, event)) => {
                credential::fold(Some(state), kind, event, &recorded).map(StreamState::Credential)
            }
            (StreamState::Empty, Event::Operator(event)) => {
                operator::fold(None, event, &recorded).map(StreamState::Operator)
            }
            (StreamState::Operator(state), Event::Operator(event)) => {
                operator::fold(Some(state), event, &recorded).map(StreamState::Operator)
            }
            (StreamState::Empty, Event::Member(event)) => {
                member::fold(None, event, &recorded).map(StreamState::Member)
            }
            (StreamState::Member(state), Event::Member(event)) => {
                member::fold(Some(state), event, &recorded).map(StreamState::Member)
            }
            (StreamState::Empty, Event::Plan(event)) => {
                plan::fold(None, event, &recorded).map(StreamState::Plan)
            }
            (StreamState::Plan(state), Event::Plan(event)) => {
                plan::fold(Some(state), event, &recorded).map(StreamState::Plan)
            }
            (StreamState::Empty, Event::Imports(event)) => {
                imports::fold(None, event, &recorded).map(StreamState::Imports)
            }
            (StreamState::Imports(state), Event::Imports(event)) => {
                imports::fold(Some(state), event, &recorded).map(StreamState::Imports)
            }
            (StreamState::Empty, Event::SigningKeys(event)) => {
                signing_keys::fold(None, event, &recorded).map(StreamState::SigningKeys)
            }
            (StreamState::SigningKeys(state), Event::SigningKeys(event)) => {
                signing_keys::fold(Some(state), event, &recorded).map(StreamState::SigningKeys)
            }
            (StreamState::Empty, Event::Erasure(event)) => {
                erasure::fold(None, event, &recorded).map(StreamState::Erasure)
            }
            (StreamState::Erasure(state), Event::Erasure(event)) => {
                erasure::fold(Some(state), event, &recorded).map(StreamState::Erasure)
            }
            (StreamState::Empty, Event::ActivityLog(event)) => {
                activity_log::fold(None, event, &recorded).map(StreamState::ActivityLog)
            }
            (StreamState::ActivityLog(state), Event::ActivityLog(event)) => {
                activity_log::fold(Some(state), event, &recorded).map(StreamState::ActivityLog)
            }
            (StreamState::Empty, Event::AccessToken(event)) => {
                access_token::fold(None, event, &recorded).map(StreamState::AccessToken)
            }
            (StreamState::AccessToken(state), Event::AccessToken(event)) => {
                access_token::fold(Some(state), event, &recorded).map(StreamState::AccessToken)
            }
            _ => Err(unfoldable("the stream is of another kind")),
        }
    }
}

/// The kernel's aggregate: one for all kinds of streams, since every command is decided the same way.
#[derive(Clone, Copy, Debug)]
pub struct Lifecycle;

impl Lifecycle {
    /// The state after events that were just decided on it. That they fold is what deciding means; a decision whose
    /// events don't is a defect of ours, and nothing may be written on top of it.
    pub fn after_decided(state: StreamState, events: Vec<Recorded>) -> StreamState {
        Self::fold(state, events.into_iter())
            .unwrap_or_else(|cause| panic!("a decided event folds: {cause:?}"))
    }
}

/// What the kernel may meet: a refusal, or a stream that does not fold.
#[derive(Clone, Debug, PartialEq)]
pub enum LifecycleError {
    Refused(Refusal),
    Unfoldable(Unfoldable),
}

impl std::fmt::Display for LifecycleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LifecycleError::Refused(refusal) => refusal.fmt(f),
            LifecycleError::Unfoldable(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for LifecycleError {}

impl Aggregate for Lifecycle {
    type Id = StreamId;
    type State = StreamState;
    type Event = Recorded;
    type Command = Asked;
    type Error = LifecycleError;

    fn apply(state: StreamState, event: Recorded) -> Result<StreamState, LifecycleError> {
        state.folded(event).map_err(LifecycleError::Unfoldable)
    }

    fn handle<'a, 's: 'a>(
        &'a self,
        id: &'s StreamId,
        state: &'s StreamState,
        asked: Asked,
    ) -> BoxFuture<'a, Result<Option<Vec<Recorded>>, LifecycleError>> {
        ready(asked.decide(*id, state).map(Some).map_err(LifecycleError::Refused)).boxed()
    }
}
