//! Stop an operator: no token of it works from here on, and no command of it lands.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent};

#[derive(Clone, Debug)]
pub struct Disable;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {}

impl Disable {
    pub(super) fn decide(&self, operator: &Operator) -> Vec<OperatorEvent> {
        if operator.disabled_at.is_some() { Vec::new() } else { vec![OperatorEvent::Disabled(Disabled {})] }
    }
}
