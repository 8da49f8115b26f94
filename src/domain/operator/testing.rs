//! Operators for tests of decisions about them.

use uuid::Uuid;

use super::{Operator, Reach};
use crate::domain::authority::Role;
use crate::domain::event::Actor;
use crate::domain::history::History;
use crate::domain::ids::OperatorId;
use crate::domain::personal::Personal;
use crate::domain::testing::at;

pub fn operator(number: u128, role: Role, reach: Reach) -> Operator {
    Operator {
        id: OperatorId(Uuid::from_u128(number)),
        name: Personal::Known("somebody".into()),
        name_since: 1,
        role,
        reach,
        created_at: at(-1000),
        created_by: Actor::System,
        disabled_at: None,
        tokens: Vec::new(),
        version: 1,
        history: History { events: 1, bytes: 0 },
    }
}

pub fn disabled(operator: Operator) -> Operator {
    Operator { disabled_at: Some(at(-1)), ..operator }
}
