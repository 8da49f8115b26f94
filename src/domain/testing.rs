//! given / when / then for decisions, and small makers of what they need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Map;
use uuid::Uuid;

use super::command::{Asked, Command, Seen};
use super::credential::*;
use super::event::{Actor, Event, Recorded};
use super::history::History;
use super::ids::{SecretId, StreamId, TenantId};
use super::ip_rules::IpRules;
use super::key_format::KeyFormat;
use super::personal::Personal;
use super::refusal::{Refusal, RefusalKind};
use super::scope::{ConcreteScope, Scope};
use super::secret::{Digest, PepperNumber};
use super::stream::StreamState;
use super::tenant::{Settings, Tenant};
use super::{Caller, Context, Fresh};
use crate::clock::Timestamp;

/// So many seconds after the tests' own beginning of time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + seconds * 1000).expect("an instant")
}

pub fn tenant_id(number: u128) -> TenantId {
    TenantId(Uuid::from_u128(number))
}

pub fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| Scope::parse(text).expect("a scope")).collect()
}

pub fn concrete(text: &str) -> ConcreteScope {
    ConcreteScope::parse(text).expect("a concrete scope")
}

pub fn allow_list(cidr: &str) -> IpRules {
    serde_json::from_value(serde_json::json!({"allow": [{"cidr": cidr, "enabled": true}], "deny": []}))
        .expect("rules")
}

pub fn tenant_with(change: impl FnOnce(&mut Settings)) -> Tenant {
    let mut settings = Settings::starting(KeyFormat::default());
    change(&mut settings);
    Tenant {
        id: tenant_id(1),
        slug: "acme".into(),
        name: Personal::Known("Acme".into()),
        name_since: 1,
        formats: vec![settings.key_format.clone()],
        settings,
        created_at: at(-1000),
        suspended_at: None,
        version: 1,
        history: History { events: 1, bytes: 0 },
    }
}

pub fn suspended_tenant() -> Tenant {
    Tenant { suspended_at: Some(at(-1)), ..tenant_with(|_| ()) }
}

/// Ids and secrets that count up.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Fresh for Counting {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1000)
    }

    fn secret(&self, format: &KeyFormat) -> SecretFacts {
        let id = self.uuid();
        SecretFacts {
            id: SecretId(id),
            prefix: format!("{}{:08}", format.prefix(), id.as_u128()),
            pepper: PepperNumber(1),
            digest: Digest::new([id.as_bytes()[15]; 32]),
        }
    }
}

pub fn caller() -> Caller {
    Caller { actor: Actor::System, client_ip: None, request_id: "test".into() }
}

fn facts() -> SecretFacts {
    Counting::default().secret(&KeyFormat::default())
}

pub fn created() -> CredentialEvent {
    CredentialEvent::Created(Created {
        tenant_id: tenant_id(1),
        name: Personal::Known("ci-runner".into()),
        description: Personal::Known(String::new()),
        metadata: Personal::Known(Map::new()),
        scopes: Vec::new(),
        expires_at: None,
        ip_rules: IpRules::default(),
        secret: facts(),
    })
}

pub fn created_until(end: Timestamp) -> CredentialEvent {
    let CredentialEvent::Created(created) = created() else { panic!("created() is a creation") };
    CredentialEvent::Created(Created { expires_at: Some(end), ..created })
}

pub fn rescoped(to: &[&str]) -> CredentialEvent {
    CredentialEvent::Rescoped(Rescoped { scopes: scopes(to) })
}

pub fn described(text: &str) -> CredentialEvent {
    let description = Some(Personal::Known(text.to_owned()));
    CredentialEvent::Edited(Edited { description, ..Edited::default() })
}

pub fn described_and_erased() -> CredentialEvent {
    CredentialEvent::Edited(Edited { description: Some(Personal::Erased), ..Edited::default() })
}

pub fn restricted(cidr: &str) -> CredentialEvent {
    CredentialEvent::Restricted(Restricted { ip_rules: allow_list(cidr) })
}

pub fn suspended() -> CredentialEvent {
    CredentialEvent::Suspended(Suspended {})
}

pub fn revoked() -> CredentialEvent {
    CredentialEvent::Revoked(Revoked { reason: Reason::Other, note: None })
}

pub struct Given {
    state: StreamState,
    tenant: Tenant,
    now: Timestamp,
    fresh: Arc<Counting>,
}

pub fn given<const N: usize>(events: [CredentialEvent; N]) -> Given {
    let stream = StreamId(Uuid::from_u128(7));
    let mut state = StreamState::Empty;
    for event in events {
        let recorded = Recorded {
            stream,
            version: state.version() + 1,
            tenant: Some(tenant_id(1)),
            at: at(0),
            actor: Actor::System,
            client_ip: None,
            request_id: "test".into(),
            event: Event::Credential(event),
        };
        state = state.folded(recorded).expect("given events fold");
    }
    let fresh = Arc::new(Counting::default());
    fresh.0.store(100, Ordering::Relaxed);
    Given { state, tenant: tenant_with(|_| ()), now: at(0), fresh }
}

pub fn given_state(credential: Credential) -> Given {
    Given { state: StreamState::Credential(credential), ..given([]) }
}

pub struct When {
    given: Given,
    outcome: Result<Vec<Recorded>, Refusal>,
}

impl Given {
    pub fn tenant(self, tenant: Tenant) -> Self {
        Given { tenant, ..self }
    }

    pub fn now(self, now: Timestamp) -> Self {
        Given { now, ..self }
    }

    #[track_caller]
    pub fn state(self) -> Credential {
        let StreamState::Credential(credential) = self.state else { panic!("no credential yet") };
        credential
    }

    pub fn when(self, command: CredentialCommand) -> When {
        let asked = Asked {
            command: Command::Credential(tenant_id(1), vec![command]),
            seen: Seen { tenant: Some(self.tenant.clone()), ..Seen::default() },
            context: Context { now: self.now, caller: caller(), fresh: self.fresh.clone() },
            if_versions: None,
        };
        let outcome = asked.decide(StreamId(Uuid::from_u128(7)), &self.state);
        When { given: self, outcome }
    }
}

impl When {
    #[track_caller]
    pub fn and(self, command: CredentialCommand) -> When {
        self.after().when(command)
    }

    #[track_caller]
    pub fn state(self) -> Credential {
        self.after().state()
    }

    #[track_caller]
    pub fn accepted(&self) {
        assert!(self.outcome.is_ok(), "refused: {:?}", self.outcome);
    }

    #[track_caller]
    pub fn then<const N: usize>(self, expected: [CredentialEvent; N]) {
        let events: Vec<_> =
            self.outcome.expect("accepted").into_iter().map(|recorded| recorded.event).collect();
        assert_eq!(events, expected.map(Event::Credential));
    }

    #[track_caller]
    pub fn refused(self, kind: RefusalKind, pointer: Option<&str>) -> String {
        let refusal = self.outcome.expect_err("refused");
        assert_eq!((refusal.kind, refusal.pointer), (kind, pointer), "{}", refusal.detail);
        refusal.detail
    }

    #[track_caller]
    fn after(self) -> Given {
        let mut given = self.given;
        for recorded in self.outcome.expect("accepted") {
            given.state = given.state.folded(recorded).expect("decided events fold");
        }
        given
    }
}
