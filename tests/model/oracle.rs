//! What must come of a history: the pure decisions, over a store in memory. Ids, secrets and instants are the service's to
//! choose; the oracle is told them by the answer, and holds everything else against its own.

use std::sync::{Arc, Mutex};

use credledger::clock::Timestamp;
use credledger::domain::client_format::ClientFormat;
use credledger::domain::command::{Asked, Command, Seen};
use credledger::domain::credential::{Credential, CredentialEvent, SecretFacts};
use credledger::domain::erasure::Held;
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::{ClientId, OperatorId, PlanId, SecretId, StreamId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::member::Member;
use credledger::domain::operator::Operator;
use credledger::domain::plan::Plan;
use credledger::domain::refusal::{Refusal, RefusalKind};
use credledger::domain::secret::{Digest, PepperNumber};
use credledger::domain::stream::{Lifecycle, LifecycleError};
use credledger::domain::tenant::Tenant;
use credledger::domain::{Caller, Context, Fresh};
use eventually::aggregate::AggregateRootBuilder;
use eventually::repository::{Error, Repository};
use futures::executor::block_on;
use serde_json::Value;
use uuid::Uuid;

use crate::memory::MemoryStore;

pub struct Oracle {
    pub memory: MemoryStore,
    repository: Repository<Lifecycle, MemoryStore>,
    /// the latest instant that an answer told
    pub now: Timestamp,
    /// who asks
    pub root: Option<OperatorId>,
    /// what an erasure is decided on
    pub held: Option<Held>,
}

/// Hands out the one secret that the service's answer tells of.
struct Told(Mutex<Option<SecretFacts>>);

impl Fresh for Told {
    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn secret(&self, _: &KeyFormat) -> SecretFacts {
        let told = self.0.lock().expect("no test panicked in here").take();
        // A decision that the service refused made one all the same; nobody ever sees it.
        told.unwrap_or_else(|| facts(Uuid::nil(), ""))
    }

    fn client(&self, _: &ClientFormat, kept: Option<&ClientId>) -> SecretFacts {
        let told = self.0.lock().expect("no test panicked in here").take();
        let told = told.unwrap_or_else(|| SecretFacts {
            client_id: Some(ClientId::new("nobody")),
            ..facts(Uuid::nil(), "")
        });
        assert!(
            kept.is_none_or(|kept| Some(kept) == told.client_id.as_ref() || told.id.0.is_nil()),
            "{kept:?}"
        );
        told
    }

    fn client_without_secret(&self, _: &ClientFormat) -> SecretFacts {
        unreachable!("the histories are of keys")
    }
}

/// Digest and pepper are the vault's business.
fn facts(id: Uuid, prefix: &str) -> SecretFacts {
    SecretFacts {
        id: SecretId(id),
        client_id: None,
        prefix: prefix.to_owned(),
        pepper: PepperNumber(0),
        digest: Digest::new([0; 32]),
    }
}

/// The key or the client of an answer.
pub fn credential_in(answer: &Value) -> &Value {
    answer.get("client").unwrap_or(&answer["key"])
}

/// Of the key, the client or the operator token that the answer tells of.
fn last_secret(answer: &Value) -> Option<SecretFacts> {
    let of_key = credential_in(answer)["secrets"].as_array().and_then(|secrets| secrets.last());
    let secret = of_key.unwrap_or(&answer["token"]);
    let client_id = secret["client_id"].as_str().map(ClientId::new);
    Some(SecretFacts { client_id, ..facts(secret["id"].as_str()?.parse().ok()?, secret["prefix"].as_str()?) })
}

impl Default for Oracle {
    fn default() -> Self {
        let memory = MemoryStore::default();
        let repository = Repository::new(AggregateRootBuilder::from(Lifecycle), memory.clone());
        Oracle { memory, repository, now: Timestamp::default(), root: None, held: None }
    }
}

impl Oracle {
    pub fn tenant(&self, id: TenantId) -> Tenant {
        self.memory.state(id.into()).tenant().expect("a tenant of the history").clone()
    }

    pub fn credential(&self, id: StreamId) -> Option<Credential> {
        self.memory.state(id).credential().cloned()
    }

    /// Whom the key belongs to.
    pub fn owner(&self, key: &Credential) -> Option<Member> {
        key.owner.map(|id| self.memory.state(id.into()).member().expect("a member of the history").clone())
    }

    fn asked(
        &self,
        command: Command,
        if_versions: Option<Vec<u64>>,
        request_id: &str,
        answer: &Value,
        now: Timestamp,
    ) -> Asked {
        let seen_tenant = command.reads_tenant().map(|tenant| self.tenant(tenant));
        let owner = command.owner().and_then(|id| self.memory.state(id.into()).member().cloned());
        let plan = command.reads_plan(seen_tenant.as_ref()).and_then(|name| self.plan(name.id()));
        let root = self.root.and_then(|root| self.memory.state(root.into()).operator().cloned());
        let fresh = Arc::new(Told(Mutex::new(last_secret(answer))));
        let caller = Caller { actor: Actor::System, client_ip: None, request_id: request_id.to_owned() };
        Asked {
            seen: Seen {
                tenant: seen_tenant,
                owner,
                plan,
                operator: root.map(|root| (root, None)),
                other_root: self.active_root_of(command.other_roots()),
                held: self.held.clone(),
            },
            command,
            context: Context { now, caller, fresh },
            if_versions,
        }
    }

    fn plan(&self, id: PlanId) -> Option<Plan> {
        self.memory.state(id.into()).plan().cloned()
    }

    fn active_root_of(&self, named: &[OperatorId]) -> Option<Operator> {
        let mut states = named.iter().map(|id| self.memory.state((*id).into()));
        states.find_map(|state| state.operator().filter(|operator| operator.is_active_root()).cloned())
    }

    /// What a plan bounds is counted when a credential is made: of its tenant all that are neither revoked nor expired.
    fn within_plan(&self, asked: &Asked, events: usize) -> Result<(), Refusal> {
        let Some(plan) = asked.seen.plan.as_ref().filter(|_| events > 0 && asked.command.creates()) else {
            return Ok(());
        };
        let (Command::Credential(tenant, ..), Some(most)) = (&asked.command, plan.bounds.active_credentials)
        else {
            return Ok(());
        };
        let counted = self.credentials(*tenant).iter().filter(|key| key.counts()).count();
        if counted < most as usize { Ok(()) } else { Err(plan.exceeded()) }
    }

    /// All of a tenant, oldest first.
    pub fn credentials(&self, tenant: TenantId) -> Vec<Credential> {
        let mut streams: Vec<StreamId> = Vec::new();
        for event in self.memory.all() {
            let created = matches!(event.event, Event::Credential(_, CredentialEvent::Created(_)));
            streams.extend(Some(event.stream).filter(|_| created && event.tenant == Some(tenant)));
        }
        streams.into_iter().filter_map(|stream| self.credential(stream)).collect()
    }

    /// How many events a command would leave, before it is sent; none at all when it would be refused.
    pub fn would_leave(
        &self,
        stream: StreamId,
        command: Command,
        if_versions: Option<Vec<u64>>,
    ) -> Option<usize> {
        let asked = self.asked(command, if_versions, "", &Value::Null, self.now);
        let events = asked.decide(stream, &self.memory.state(stream)).ok()?.len();
        self.within_plan(&asked, events).ok()?;
        Some(events)
    }

    /// Decides as the service must have, at `now`, and remembers the events.
    pub fn decide(
        &mut self,
        stream: StreamId,
        command: Command,
        if_versions: Option<Vec<u64>>,
        request_id: &str,
        answer: &Value,
        now: Timestamp,
    ) -> Result<Vec<Recorded>, Refusal> {
        let asked = self.asked(command, if_versions, request_id, answer, now);
        let before = self.memory.all().len();
        // A refusal of the decision itself goes before a full plan.
        if let Ok(events) = asked.decide(stream, &self.memory.state(stream)) {
            self.within_plan(&asked, events.len())?;
            // It hands out its secret once.
            let fresh = Arc::new(Told(Mutex::new(last_secret(answer))));
            return self.remember(
                stream,
                Asked { context: Context { fresh, ..asked.context }, ..asked },
                before,
            );
        }
        self.remember(stream, asked, before)
    }

    fn remember(&mut self, stream: StreamId, asked: Asked, before: usize) -> Result<Vec<Recorded>, Refusal> {
        let mut root = block_on(self.repository.get(stream)).expect("the memory folds");
        match block_on(root.handle(asked)) {
            Ok(_) => {}
            Err(LifecycleError::Refused(refusal)) => return Err(refusal),
            Err(LifecycleError::Unfoldable(cause)) => panic!("the model does not fold: {cause}"),
        }
        match block_on(self.repository.add(root)) {
            Ok(_) => Ok(self.memory.all().split_off(before)),
            Err(Error::Store(cause)) => panic!("the memory refused: {cause}"),
            Err(Error::Aggregate(cause)) => panic!("the model does not fold: {cause}"),
        }
    }
}

/// As the API page has it.
pub fn status_and_code(refusal: &Refusal) -> (u16, &'static str) {
    match refusal.kind {
        RefusalKind::Invalid => (400, "invalid_request"),
        RefusalKind::Unauthorized(_) => (401, "unauthorized"),
        RefusalKind::Forbidden => (403, "forbidden"),
        RefusalKind::NotFound => (404, "not_found"),
        RefusalKind::Conflict => (409, "conflict"),
        RefusalKind::TooManySecrets => (409, "too_many_secrets"),
        RefusalKind::LastSecret => (409, "last_secret"),
        RefusalKind::QuotaExceeded => (409, "quota_exceeded"),
        RefusalKind::Stale => (412, "stale"),
    }
}
