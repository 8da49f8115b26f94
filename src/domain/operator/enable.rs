//! Let a disabled operator in again.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Enable;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enabled {}

impl Enable {
    pub(super) fn decide(&self, operator: &Operator) -> Result<Vec<OperatorEvent>, Refusal> {
        if operator.disabled_at.is_none() {
            return Ok(Vec::new());
        }
        operator.history.takes_a_resumption()?;
        Ok(vec![OperatorEvent::Enabled(Enabled {})])
    }
}
