//! What must come of a history: the pure decisions, over a store in memory. Ids, secrets and instants are the service's to
//! choose; the oracle is told them by the answer, and holds everything else against its own.

use std::sync::{Arc, Mutex};

use credledger::clock::Timestamp;
use credledger::domain::command::{Asked, Command, Seen};
use credledger::domain::credential::{Credential, SecretFacts, SecretStatus};
use credledger::domain::effective::Effective;
use credledger::domain::event::{Actor, Recorded};
use credledger::domain::ids::{SecretId, StreamId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::member::Member;
use credledger::domain::refusal::{Refusal, RefusalKind};
use credledger::domain::secret::{Digest, PepperNumber};
use credledger::domain::stream::{Lifecycle, LifecycleError};
use credledger::domain::tenant::Tenant;
use credledger::domain::{Caller, Context, Fresh};
use eventually::aggregate::AggregateRootBuilder;
use eventually::repository::{Error, Repository};
use futures::executor::block_on;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::memory::MemoryStore;

pub struct Oracle {
    pub memory: MemoryStore,
    repository: Repository<Lifecycle, MemoryStore>,
    /// the latest instant that an answer told
    pub now: Timestamp,
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
}

/// Digest and pepper are the vault's business.
fn facts(id: Uuid, prefix: &str) -> SecretFacts {
    SecretFacts {
        id: SecretId(id),
        prefix: prefix.to_owned(),
        pepper: PepperNumber(0),
        digest: Digest::new([0; 32]),
    }
}

fn last_secret(key: &Value) -> Option<SecretFacts> {
    let secret = key["secrets"].as_array()?.last()?;
    Some(facts(secret["id"].as_str()?.parse().ok()?, secret["prefix"].as_str()?))
}

impl Default for Oracle {
    fn default() -> Self {
        let memory = MemoryStore::default();
        let repository = Repository::new(AggregateRootBuilder::from(Lifecycle), memory.clone());
        Oracle { memory, repository, now: Timestamp::default() }
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
        let fresh = Arc::new(Told(Mutex::new(last_secret(&answer["key"]))));
        let caller = Caller { actor: Actor::System, client_ip: None, request_id: request_id.to_owned() };
        Asked {
            command,
            seen: Seen { tenant: seen_tenant, owner, ..Seen::default() },
            context: Context { now, caller, fresh },
            if_versions,
        }
    }

    /// Whether a command would go through, before it is sent.
    pub fn would_accept(&self, stream: StreamId, command: Command, if_versions: Option<Vec<u64>>) -> bool {
        let asked = self.asked(command, if_versions, "", &Value::Null, self.now);
        asked.decide(stream, &self.memory.state(stream)).is_ok()
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

/// The members of an answer that are the model's to say; written here once more, apart from the service's own code.
pub fn key_as_told(key: &Credential, owner: Option<&Member>, tenant: &Tenant, now: Timestamp) -> Value {
    let revoked = key.revoked.as_ref().map(|revoked| {
        let note = revoked.note.as_ref().and_then(|note| note.known());
        json!({"reason": revoked.reason.word(), "note": note})
    });
    let secrets: Vec<Value> = key
        .secrets
        .iter()
        .map(|secret| {
            let status = key.secret_status(secret, now);
            // When one was ended by hand is an instant of the service's own.
            let window = secret.ends_at.filter(|_| status != SecretStatus::Revoked);
            let end = window.map(|end| key.expires_at.map_or(end, |own| own.min(end)));
            json!({
                "id": secret.facts.id,
                "prefix": secret.facts.prefix,
                "status": status,
                "expires_at": end,
            })
        })
        .collect();
    let description = key.description.value.known().filter(|text| !text.is_empty());
    let mut told = json!({
        "id": key.id,
        "kind": "api_key",
        "tenant_id": key.tenant,
        "name": key.name.value.known(),
        "description": description,
        "metadata": key.metadata.value.known(),
        "status": key.status(now, tenant.settings.expiry_warning_seconds),
        "scopes": key.scopes,
        "ip_rules": key.ip_rules,
        "rate_limit": key.rate_limit,
        "owner": key.owner,
        "expires_at": key.expires_at,
        "revoked": revoked,
        "secrets": secrets,
        "version": key.version,
    });
    if let Some(owner) = owner {
        told["effective_scopes"] = json!(Effective::of(&key.scopes, Some(&owner.scopes)).scopes);
    }
    told
}

pub fn member_as_told(member: &Member) -> Value {
    json!({
        "id": member.id,
        "tenant_id": member.tenant,
        "kind": member.kind.word(),
        "name": member.name.known(),
        "email": member.email.known().filter(|text| !text.is_empty()),
        "description": member.description.known().filter(|text| !text.is_empty()),
        "scopes": member.scopes,
        "status": if member.disabled_at.is_some() { "disabled" } else { "active" },
        "version": member.version,
    })
}

/// The service's answer without what the model can't know: who and when.
pub fn comparable_member(member: &Value) -> Value {
    let mut member = member.clone();
    for unknown in ["created_at", "created_by"] {
        assert!(member.as_object_mut().expect("a member").remove(unknown).is_some(), "no {unknown}");
    }
    member
}

/// The service's answer without what the model can't know: who and when.
pub fn comparable_key(key: &Value) -> Value {
    let mut key = key.clone();
    let members = key.as_object_mut().expect("a key");
    for unknown in ["created_at", "created_by"] {
        assert!(members.remove(unknown).is_some(), "no {unknown}");
    }
    if let Some(revoked) = members["revoked"].as_object_mut() {
        revoked.retain(|name, _| name == "reason" || name == "note");
    }
    for secret in members["secrets"].as_array_mut().expect("secrets") {
        let secret = secret.as_object_mut().expect("a secret");
        assert!(secret.remove("created_at").is_some(), "no created_at");
        if secret["status"] == "revoked" {
            secret["expires_at"] = Value::Null;
        }
    }
    key
}

pub fn tenant_as_told(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name.known(),
        "status": if tenant.suspended_at.is_some() { "suspended" } else { "active" },
        "plan": tenant.plan,
        "settings": tenant.settings,
        "version": tenant.version,
    })
}
