//! Operators for tests of decisions about them.

use uuid::Uuid;

use super::{Beside, Invite, Operator, OperatorEvent, Person, Reach, fold};
use crate::domain::authority::Role;
use crate::domain::event::Actor;
use crate::domain::history::History;
use crate::domain::ids::OperatorId;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::domain::secret::Digest;
use crate::domain::testing::{at, context, recorded_on};

pub fn operator(number: u128, role: Role, reach: Reach) -> Operator {
    Operator {
        id: OperatorId(Uuid::from_u128(number)),
        name: Personal::Known("somebody".into()),
        name_since: 1,
        email: Personal::Known(String::new()),
        role,
        reach,
        created_at: at(-1000),
        created_by: Actor::System,
        disabled_at: None,
        last_disabled_at: None,
        invitation: None,
        identity: None,
        is_mapped: false,
        tokens: Vec::new(),
        version: 1,
        history: History { events: 1, bytes: 0 },
    }
}

pub fn disabled(operator: Operator) -> Operator {
    Operator { disabled_at: Some(at(-1)), ..operator }
}

pub fn an_invite() -> Invite {
    Invite {
        email: "Ada@example.com".into(),
        address: Digest::new([5; 32]),
        name: "somebody".into(),
        role: Role::Auditor,
        reach: Reach::All,
        expires_at: at(1000),
    }
}

pub fn a_person(number: u8) -> Person {
    Person { identity: Digest::new([number; 32]), email: "ada@example.com".into(), name: Some("Ada".into()) }
}

/// The operator that an invitation makes.
pub fn invited_by(invite: &Invite, beside: &Beside<'_>) -> Operator {
    let [event] = invite.decide(None, beside, &context()).expect("accepted").try_into().expect("one event");
    fold(None, OperatorEvent::clone(&event), &recorded_on(1, event.into())).expect("it folds")
}

/// The operator after what was decided on it, which is one event.
pub fn then(operator: Operator, decided: Result<Vec<OperatorEvent>, Refusal>) -> Operator {
    let [event] = decided.expect("accepted").try_into().expect("one event");
    let version = operator.history.events + 1;
    fold(Some(operator), event.clone(), &recorded_on(version, event.into())).expect("it folds")
}
