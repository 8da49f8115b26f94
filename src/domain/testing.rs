//! given / when / then for decisions, and small makers of what they need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::{Just, Strategy, prop_oneof};
use serde_json::Map;
use uuid::Uuid;

use super::client_format::ClientFormat;
use super::command::{Asked, Command, Seen};
use super::credential::*;
use super::event::{Actor, Event, Recorded};
use super::history::History;
use super::ids::{ClientId, MemberId, SecretId, StreamId, TenantId};
use super::ip_rules::IpRules;
use super::key_format::KeyFormat;
use super::member::{self, Member, MemberCommand, MemberEvent};
use super::personal::Personal;
use super::plan::{Bounds, Plan, PlanName};
use super::rate_limit::{OwnRateLimit, RateLimit};
use super::refusal::{Refusal, RefusalKind};
use super::scope::{ConcreteScope, Scope};
use super::secret::{Digest, PepperNumber};
use super::stream::StreamState;
use super::tenant::{Settings, Tenant};
use super::{Caller, Context, Fresh};
use crate::clock::Timestamp;
use crate::limits;

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
        plan: None,
        created_at: at(-1000),
        suspended_at: None,
        version: 1,
        history: History { events: 1, bytes: 0 },
    }
}

pub fn plan_name(text: &str) -> PlanName {
    PlanName::parse(text).expect("a name")
}

/// One that is called free.
pub fn plan_with(active_credentials: Option<u32>) -> Plan {
    Plan {
        name: plan_name("free"),
        bounds: Bounds { active_credentials },
        created_at: at(-1000),
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
            client_id: None,
            prefix: format!("{}{:08}", format.prefix(), id.as_u128()),
            pepper: PepperNumber(1),
            digest: Digest::new([id.as_bytes()[15]; 32]),
        }
    }

    fn client(&self, format: &ClientFormat, kept: Option<&ClientId>) -> SecretFacts {
        let id = self.uuid();
        let fresh = || ClientId::new(format!("{}{:016}", format.id_prefix(), id.as_u128()));
        SecretFacts {
            id: SecretId(id),
            client_id: Some(kept.cloned().unwrap_or_else(fresh)),
            prefix: format!("{}{:08}", format.secret_prefix(), id.as_u128()),
            pepper: PepperNumber(1),
            digest: Digest::new([id.as_bytes()[15]; 32]),
        }
    }
}

pub fn caller() -> Caller {
    Caller { actor: Actor::System, client_ip: None, request_id: "test".into() }
}

pub fn context() -> Context {
    Context { now: at(0), caller: caller(), fresh: Arc::new(Counting::default()) }
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
        rate_limit: OwnRateLimit::Default,
        owner: None,
        registration: None,
        secret: facts(),
    })
}

pub fn registration() -> Registration {
    Registration::default()
}

pub fn client_created() -> CredentialEvent {
    let CredentialEvent::Created(created) = created() else { panic!("created() is a creation") };
    CredentialEvent::Created(Created {
        registration: Some(registration()),
        secret: Counting::default().client(&ClientFormat::default(), None),
        ..created
    })
}

/// Of a key that another product made.
pub fn import() -> Import {
    Import {
        create: Create {
            name: "ci-runner".into(),
            description: String::new(),
            metadata: Map::new(),
            scopes: None,
            expires_at: None,
            ip_rules: IpRules::default(),
            rate_limit: OwnRateLimit::Default,
            owner: None,
            registration: None,
        },
        suspended: false,
        created_at: Some(at(-500)),
        source: "unkey".into(),
        old_id: "key_1".into(),
        content: Digest::new([1; 32]),
        secret: ForeignSecret {
            prefix: "sk_abcd".into(),
            format: "sk_".into(),
            scheme: "sha256".into(),
            salt: None,
            claim: Digest::new([2; 32]),
            pepper: PepperNumber(1),
            digest: Digest::new([3; 32]),
        },
    }
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

/// Any limit there may be.
pub fn rate_limits() -> impl Strategy<Value = RateLimit> {
    (1..=limits::RATE_REQUESTS, 1..=limits::RATE_SECONDS)
        .prop_map(|(requests, seconds)| RateLimit::new(requests, seconds).expect("in bounds"))
}

pub fn own_rate_limits() -> impl Strategy<Value = OwnRateLimit> {
    prop_oneof![
        Just(OwnRateLimit::Default),
        Just(OwnRateLimit::None),
        rate_limits().prop_map(OwnRateLimit::Of),
    ]
}

pub fn limited(rate_limit: OwnRateLimit) -> CredentialEvent {
    CredentialEvent::Limited(Limited { rate_limit })
}

pub fn owner_set(owner: Option<MemberId>) -> CredentialEvent {
    CredentialEvent::OwnerSet(OwnerSet { owner })
}

pub fn suspended() -> CredentialEvent {
    CredentialEvent::Suspended(Suspended {})
}

pub fn revoked() -> CredentialEvent {
    CredentialEvent::Revoked(Revoked { reason: Reason::Other, note: None })
}

/// A member of the tests' tenant.
pub fn member_with(to: &[&str]) -> Member {
    given_member([member_created(to)]).state()
}

pub fn member_created(to: &[&str]) -> MemberEvent {
    MemberEvent::Created(member::Created {
        tenant_id: tenant_id(1),
        kind: member::Kind::Person,
        name: Personal::Known("Ada".into()),
        email: Personal::Known("ada@example.com".into()),
        description: Personal::Known(String::new()),
        scopes: scopes(to),
    })
}

pub fn member_disabled() -> MemberEvent {
    MemberEvent::Disabled(member::Disabled {})
}

/// Where nothing is said, an event is a key's.
impl From<CredentialEvent> for Event {
    fn from(event: CredentialEvent) -> Self {
        Event::Credential(Kind::ApiKey, event)
    }
}

/// A family of commands and events that decisions are tested on.
pub trait Decided {
    type Event;
    type Command;
    type State;

    fn event(subject: Kind, event: Self::Event) -> Event;
    fn command(command: Self::Command) -> Command;
    fn state(state: StreamState) -> Option<Self::State>;
}

pub struct OfCredential;
pub struct OfMember;

impl Decided for OfCredential {
    type Event = CredentialEvent;
    type Command = CredentialCommand;
    type State = Credential;

    fn event(subject: Kind, event: CredentialEvent) -> Event {
        Event::Credential(subject, event)
    }

    fn command(command: CredentialCommand) -> Command {
        Command::Credential(tenant_id(1), None, vec![command])
    }

    fn state(state: StreamState) -> Option<Credential> {
        state.credential().cloned()
    }
}

impl Decided for OfMember {
    type Event = MemberEvent;
    type Command = MemberCommand;
    type State = Member;

    fn event(_: Kind, event: MemberEvent) -> Event {
        event.into()
    }

    fn command(command: MemberCommand) -> Command {
        Command::Member(tenant_id(1), vec![command])
    }

    fn state(state: StreamState) -> Option<Member> {
        state.member().cloned()
    }
}

pub struct Given<K: Decided = OfCredential> {
    state: StreamState,
    tenant: Tenant,
    member: Option<Member>,
    now: Timestamp,
    fresh: Arc<Counting>,
    /// which kind of a credential it is about
    subject: Kind,
    kind: std::marker::PhantomData<K>,
}

pub fn given<const N: usize>(events: [CredentialEvent; N]) -> Given {
    Given::of(Kind::ApiKey, events.into_iter())
}

pub fn given_client<const N: usize>(events: [CredentialEvent; N]) -> Given {
    Given::of(Kind::OauthClient, events.into_iter())
}

pub fn given_member<const N: usize>(events: [MemberEvent; N]) -> Given<OfMember> {
    Given::of(Kind::ApiKey, events.into_iter())
}

pub fn given_member_of(events: impl Iterator<Item = MemberEvent>) -> Given<OfMember> {
    Given::of(Kind::ApiKey, events)
}

pub fn given_state(credential: Credential) -> Given {
    let subject = credential.kind();
    Given { state: StreamState::Credential(credential), subject, ..given([]) }
}

pub fn given_member_state(member: Member) -> Given<OfMember> {
    Given { state: StreamState::Member(member), ..given_member([]) }
}

pub struct When<K: Decided = OfCredential> {
    given: Given<K>,
    outcome: Result<Vec<Recorded>, Refusal>,
}

impl<K: Decided> Given<K> {
    fn of(subject: Kind, events: impl Iterator<Item = K::Event>) -> Self {
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
                event: K::event(subject, event),
            };
            state = state.folded(recorded).expect("given events fold");
        }
        let fresh = Arc::new(Counting::default());
        fresh.0.store(100, Ordering::Relaxed);
        let kind = std::marker::PhantomData;
        Given { state, tenant: tenant_with(|_| ()), member: None, now: at(0), fresh, subject, kind }
    }

    pub fn tenant(self, tenant: Tenant) -> Self {
        Given { tenant, ..self }
    }

    /// What was read of the account that a command names.
    pub fn member(self, member: Member) -> Self {
        Given { member: Some(member), ..self }
    }

    pub fn now(self, now: Timestamp) -> Self {
        Given { now, ..self }
    }

    #[track_caller]
    pub fn state(self) -> K::State {
        K::state(self.state).expect("it is there")
    }

    pub fn when(self, command: K::Command) -> When<K> {
        let asked = Asked {
            command: K::command(command),
            seen: Seen { tenant: Some(self.tenant.clone()), owner: self.member.clone(), ..Seen::default() },
            context: Context { now: self.now, caller: caller(), fresh: self.fresh.clone() },
            if_versions: None,
        };
        let outcome = asked.decide(StreamId(Uuid::from_u128(7)), &self.state);
        When { given: self, outcome }
    }
}

impl<K: Decided> When<K> {
    #[track_caller]
    pub fn and(self, command: K::Command) -> When<K> {
        self.after().when(command)
    }

    #[track_caller]
    pub fn state(self) -> K::State {
        self.after().state()
    }

    #[track_caller]
    pub fn events(self) -> Vec<Recorded> {
        self.outcome.expect("accepted")
    }

    #[track_caller]
    pub fn accepted(&self) {
        assert!(self.outcome.is_ok(), "refused: {:?}", self.outcome);
    }

    #[track_caller]
    pub fn then<const N: usize>(self, expected: [K::Event; N]) {
        let events: Vec<_> =
            self.outcome.expect("accepted").into_iter().map(|recorded| recorded.event).collect();
        assert_eq!(events, expected.map(|event| K::event(self.given.subject, event)));
    }

    #[track_caller]
    pub fn refused(self, kind: RefusalKind, pointer: Option<&str>) -> String {
        let refusal = self.outcome.expect_err("refused");
        assert_eq!((refusal.kind, refusal.pointer), (kind, pointer), "{}", refusal.detail);
        refusal.detail
    }

    #[track_caller]
    fn after(self) -> Given<K> {
        let mut given = self.given;
        for recorded in self.outcome.expect("accepted") {
            given.state = given.state.folded(recorded).expect("decided events fold");
        }
        given
    }
}

/// An event of nobody's stream that belongs to no tenant.
pub fn recorded_on(version: u32, event: Event) -> Recorded {
    Recorded {
        stream: StreamId(Uuid::from_u128(77)),
        version,
        tenant: None,
        at: at(0),
        actor: Actor::System,
        client_ip: None,
        request_id: "test".into(),
        event,
    }
}
