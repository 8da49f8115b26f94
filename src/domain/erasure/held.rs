//! What is personal in one stream and still there: what a decision to erase reads.

use crate::domain::authority::Role;
use crate::domain::event::{CLIENT_IP, Recorded};
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::operator::Reach;
use crate::domain::stream::StreamState;

#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub stream: StreamId,
    pub tenant: Option<TenantId>,
    /// what the names of its events begin with
    pub kind: &'static str,
    /// how many events it has
    pub events: u32,
    /// of each event the values that are still there
    pub values: Vec<(u32, Vec<&'static str>)>,
    /// the version of the event that says what it is called now
    pub name_since: Option<u32>,
    /// of an operator: what it may, and where
    pub operator: Option<(Role, Reach)>,
    /// of the one event that is asked about: its place, and all that is personal in such an event
    pub asked: Option<AskedEvent>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AskedEvent {
    pub position: u64,
    pub version: u32,
    pub personal: Vec<&'static str>,
}

impl Held {
    /// Of a whole stream, in order, and its fold. None for one that has no events.
    pub fn of(events: &[Recorded], state: &StreamState) -> Option<Held> {
        let first = events.first()?;
        let kind = first.event.kind().name.split('.').next().unwrap_or_default();
        let values = events.iter().map(|recorded| (recorded.version, recorded.known())).collect();
        let (name_since, operator) = match state {
            StreamState::Credential(credential) => (Some(credential.name.since), None),
            StreamState::Member(member) => (Some(member.name_since), None),
            StreamState::Operator(operator) => {
                (Some(operator.name_since), Some((operator.role, operator.reach.clone())))
            }
            _ => (None, None),
        };
        let (stream, tenant, events) = (first.stream, first.tenant, state.version());
        Some(Held { stream, tenant, kind, events, values, name_since, operator, asked: None })
    }

    /// The same, of which one event is asked about.
    pub fn asked(self, position: u64, recorded: &Recorded) -> Held {
        let mut personal = recorded.event.kind().personal.to_vec();
        personal.extend(recorded.client_ip.is_some().then_some(CLIENT_IP));
        Held { asked: Some(AskedEvent { position, version: recorded.version, personal }), ..self }
    }
}
