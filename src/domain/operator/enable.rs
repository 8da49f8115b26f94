//! Let a disabled operator in again.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent};

#[derive(Clone, Debug)]
pub struct Enable;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enabled {}

impl Enable {
    pub(super) fn decide(&self, operator: &Operator) -> Vec<OperatorEvent> {
        if operator.disabled_at.is_none() { Vec::new() } else { vec![OperatorEvent::Enabled(Enabled {})] }
    }
}
