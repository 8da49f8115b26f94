//! The closed list of events: what can happen, under which name, and how each is read and written.
//!
//! An event's members are its new values alone. Members named in `personal` hold what a person typed; the ledger keeps
//! them apart from the entry (see [`super::personal`]). A change of shape is a new schema number beside the old one;
//! stored bytes are never rewritten.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::access_token::AccessTokenEvent;
use super::activity_log::ActivityLogEvent;
use super::credential::{self, CredentialEvent};
use super::erasure::ErasureEvent;
use super::ids::{OperatorId, StreamId, TenantId};
use super::imports::ImportsEvent;
use super::member::MemberEvent;
use super::operator::{self, OperatorEvent};
use super::personal::Personal;
use super::plan::PlanEvent;
use super::signing_keys::SigningKeysEvent;
use super::tenant::{self, TenantEvent};
use crate::clock::Timestamp;

/// A registered event: its stable name, the newest schema number, and its personal members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub schema: u16,
    pub personal: &'static [&'static str],
}

/// Why stored bytes are no event that this version knows. Whoever meets one stops: a fold with a hole in it is no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    UnknownType(String),
    UnknownSchema(String, u16),
    Members(String, String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownType(name) => write!(f, "event type {name:?} is unknown to this version"),
            Self::UnknownSchema(name, schema) => {
                write!(f, "schema {schema} of event {name:?} is unknown to this version")
            }
            Self::Members(name, what) => write!(f, "event {name:?} does not have its members: {what}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    Operator(OperatorId),
    /// whoever held a secret of the credential, or a token of the operator, with this id
    Holder(uuid::Uuid),
    /// the service itself: housekeeping, the first start
    System,
}

/// One event as it stands in a stream, with what every event carries. Its position is the ledger's to give.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub stream: StreamId,
    /// 1 for a stream's first event
    pub version: u32,
    /// absent for what concerns the whole platform
    pub tenant: Option<TenantId>,
    pub at: Timestamp,
    pub actor: Actor,
    pub client_ip: Option<Personal<IpAddr>>,
    pub request_id: String,
    pub event: Event,
}

/// The address that an event came from, as a personal value of it.
pub const CLIENT_IP: &str = "client_ip";
/// What something is called.
pub const NAME: &str = "name";

impl Recorded {
    /// Its personal values that are still there.
    pub fn known(&self) -> Vec<&'static str> {
        self.personal(|value| !value.is_null(), |ip| ip.known().is_some())
    }

    /// Its personal values that were erased: null in the members, where an absent one is absent.
    pub fn erased_values(&self) -> Vec<&'static str> {
        self.personal(Value::is_null, |ip| ip.known().is_none())
    }

    fn personal(
        &self,
        is_so: impl Fn(&Value) -> bool,
        ip_is_so: impl Fn(&Personal<IpAddr>) -> bool,
    ) -> Vec<&'static str> {
        let members = self.event.members();
        let named = self.event.kind().personal.iter().copied();
        let mut so: Vec<_> = named.filter(|name| members.get(*name).is_some_and(&is_so)).collect();
        so.extend(self.client_ip.as_ref().is_some_and(ip_is_so).then_some(CLIENT_IP));
        so
    }
}

/// Makes an enum of one family's events from the table of its members, and everything that depends on the table. An event
/// that happens to several kinds of subjects has a name for each.
macro_rules! family {
    ($family:ident, $($variant:ident = $($name:literal)|+ v $schema:literal personal $personal:expr;)*) => {
        #[derive(Clone, Debug, PartialEq)]
        pub enum $family { $($variant($variant),)* }

        impl $family {
            pub const KINDS: &'static [$crate::domain::event::Kind] = &[
                $($($crate::domain::event::Kind { name: $name, schema: $schema, personal: &$personal },)+)*
            ];

            /// As it is called when it happens to such a subject.
            pub fn kind(&self, subject: &str) -> &'static $crate::domain::event::Kind {
                let names: &[&'static str] = match self { $(Self::$variant(_) => &[$($name),+],)* };
                $crate::domain::event::kind_in(Self::KINDS, names, subject)
            }

            pub fn members(&self) -> serde_json::Map<String, serde_json::Value> {
                match self { $(Self::$variant(event) => $crate::domain::event::members_of(event),)* }
            }

            /// How many bytes the canonical text of its members has.
            pub fn length(&self) -> usize {
                match self { $(Self::$variant(event) => $crate::domain::canonical::length(event),)* }
            }

            pub fn read<'de, M: serde::Deserializer<'de>>(
                name: &str,
                schema: u16,
                members: M,
            ) -> Option<Result<Self, $crate::domain::event::Unreadable>> {
                match name {
                    $($($name)|+ => Some(
                        $crate::domain::event::read_members(name, $schema, schema, members).map(Self::$variant),
                    ),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use family;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Tenant(TenantEvent),
    Credential(credential::Kind, CredentialEvent),
    Operator(OperatorEvent),
    Member(MemberEvent),
    Plan(PlanEvent),
    Imports(ImportsEvent),
    AccessToken(AccessTokenEvent),
    SigningKeys(SigningKeysEvent),
    Erasure(ErasureEvent),
    ActivityLog(ActivityLogEvent),
}

/// Every event there is.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    let families = [
        TenantEvent::KINDS,
        CredentialEvent::KINDS,
        OperatorEvent::KINDS,
        MemberEvent::KINDS,
        PlanEvent::KINDS,
        ImportsEvent::KINDS,
        AccessTokenEvent::KINDS,
        SigningKeysEvent::KINDS,
        ActivityLogEvent::KINDS,
        ErasureEvent::KINDS,
    ];
    families.into_iter().flatten()
}

/// What must be unique in the whole ledger, taken for good by the event that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: ClaimKind,
    pub key: String,
}

/// The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum ClaimKind {
    SecretPrefix = 1,
    TenantSlug = 2,
    FirstOperator = 3,
    /// a keyed digest of a foreign one
    ImportedKey = 4,
    /// a person at the identity provider
    Identity = 5,
    ClientId = 6,
}

impl Event {
    pub fn kind(&self) -> &'static Kind {
        match self {
            Event::Tenant(event) => event.kind("tenant"),
            Event::Credential(kind, event) => event.kind(kind.word()),
            Event::Operator(event) => event.kind("operator"),
            Event::Member(event) => event.kind("member"),
            Event::Plan(event) => event.kind("plan"),
            Event::Imports(event) => event.kind("import"),
            Event::AccessToken(event) => event.kind("access_token"),
            Event::SigningKeys(event) => event.kind("ledger"),
            Event::Erasure(event) => event.kind("ledger"),
            Event::ActivityLog(event) => event.kind("ledger"),
        }
    }

    /// All members, personal ones in the clear.
    pub fn members(&self) -> Map<String, Value> {
        match self {
            Event::Tenant(event) => event.members(),
            Event::Credential(_, event) => event.members(),
            Event::Operator(event) => event.members(),
            Event::Member(event) => event.members(),
            Event::Plan(event) => event.members(),
            Event::Imports(event) => event.members(),
            Event::AccessToken(event) => event.members(),
            Event::SigningKeys(event) => event.members(),
            Event::Erasure(event) => event.members(),
            Event::ActivityLog(event) => event.members(),
        }
    }

    pub fn read<'de, M: Deserializer<'de>>(name: &str, schema: u16, members: M) -> Result<Event, Unreadable> {
        let subject = name.split('.').next().unwrap_or_default();
        if let Some(kind) = credential::Kind::from_word(subject) {
            let read = CredentialEvent::read(name, schema, members);
            let read = read.map(|read| read.map(|event| Event::Credential(kind, event)));
            return read.unwrap_or_else(|| Err(Unreadable::UnknownType(name.to_owned())));
        }
        let read = match subject {
            "tenant" => TenantEvent::read(name, schema, members).map(|read| read.map(Event::Tenant)),
            "operator" => OperatorEvent::read(name, schema, members).map(|read| read.map(Event::Operator)),
            "member" => MemberEvent::read(name, schema, members).map(|read| read.map(Event::Member)),
            "plan" => PlanEvent::read(name, schema, members).map(|read| read.map(Event::Plan)),
            "import" => ImportsEvent::read(name, schema, members).map(|read| read.map(Event::Imports)),
            "access_token" => {
                AccessTokenEvent::read(name, schema, members).map(|read| read.map(Event::AccessToken))
            }
            "ledger" if ErasureEvent::KINDS.iter().any(|kind| kind.name == name) => {
                ErasureEvent::read(name, schema, members).map(|read| read.map(Event::Erasure))
            }
            "ledger" if ActivityLogEvent::KINDS.iter().any(|kind| kind.name == name) => {
                ActivityLogEvent::read(name, schema, members).map(|read| read.map(Event::ActivityLog))
            }
            "ledger" => {
                SigningKeysEvent::read(name, schema, members).map(|read| read.map(Event::SigningKeys))
            }
            _ => None,
        };
        read.unwrap_or_else(|| Err(Unreadable::UnknownType(name.to_owned())))
    }

    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Event::Tenant(event) => tenant::claims(event),
            Event::Credential(kind, event) => credential::claims(*kind, event),
            Event::Operator(event) => operator::claims(event),
            // Two accounts may have one name, and one address; a plan's name is its stream.
            Event::Member(_)
            | Event::Plan(_)
            | Event::Imports(_)
            | Event::SigningKeys(_)
            | Event::Erasure(_)
            | Event::ActivityLog(_)
            | Event::AccessToken(_) => Vec::new(),
        }
    }
}

impl From<TenantEvent> for Event {
    fn from(event: TenantEvent) -> Self {
        Event::Tenant(event)
    }
}

impl From<OperatorEvent> for Event {
    fn from(event: OperatorEvent) -> Self {
        Event::Operator(event)
    }
}

impl From<PlanEvent> for Event {
    fn from(event: PlanEvent) -> Self {
        Event::Plan(event)
    }
}

impl From<AccessTokenEvent> for Event {
    fn from(event: AccessTokenEvent) -> Self {
        Event::AccessToken(event)
    }
}

impl From<ImportsEvent> for Event {
    fn from(event: ImportsEvent) -> Self {
        Event::Imports(event)
    }
}

impl From<SigningKeysEvent> for Event {
    fn from(event: SigningKeysEvent) -> Self {
        Event::SigningKeys(event)
    }
}

impl From<ErasureEvent> for Event {
    fn from(event: ErasureEvent) -> Self {
        Event::Erasure(event)
    }
}

impl From<ActivityLogEvent> for Event {
    fn from(event: ActivityLogEvent) -> Self {
        Event::ActivityLog(event)
    }
}

impl From<MemberEvent> for Event {
    fn from(event: MemberEvent) -> Self {
        Event::Member(event)
    }
}

pub(super) fn kind_in(kinds: &'static [Kind], names: &[&'static str], subject: &str) -> &'static Kind {
    let of_subject = |name: &str| name.strip_prefix(subject).is_some_and(|rest| rest.starts_with('.'));
    let found = kinds.iter().find(|kind| names.contains(&kind.name) && of_subject(kind.name));
    found.unwrap_or_else(|| panic!("none of {names:?} happens to {subject}"))
}

pub(super) fn members_of(event: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(event) {
        Ok(Value::Object(members)) => members,
        other => panic!("an event is an object of plain members, not {other:?}"),
    }
}

pub(super) fn read_members<'de, T: Deserialize<'de>, M: Deserializer<'de>>(
    name: &str,
    newest: u16,
    schema: u16,
    members: M,
) -> Result<T, Unreadable> {
    if schema != newest {
        return Err(Unreadable::UnknownSchema(name.to_owned(), schema));
    }
    T::deserialize(members).map_err(|cause| Unreadable::Members(name.to_owned(), cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_name_is_registered_once_and_belongs_to_its_family() {
        let names: Vec<_> = kinds().map(|kind| kind.name).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} twice");
            assert_eq!(name.split('.').count(), 2, "{name}");
        }
    }

    #[test]
    fn an_unknown_event_is_an_error_and_never_skipped() {
        assert_eq!(
            Event::read("api_key.teleported", 1, json!({})),
            Err(Unreadable::UnknownType("api_key.teleported".into()))
        );
        assert_eq!(
            Event::read("api_key.resumed", 2, json!({})),
            Err(Unreadable::UnknownSchema("api_key.resumed".into(), 2))
        );
        assert!(matches!(Event::read("api_key.revoked", 1, json!({})), Err(Unreadable::Members(..))));
    }
}
