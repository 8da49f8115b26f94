//! Take in an operator. The first one of a ledger is made on the machine; there can't be two first ones.

use serde::{Deserialize, Serialize};

use super::{Beside, MintToken, Operator, OperatorEvent, Reach};
use crate::domain::Context;
use crate::domain::authority::Role;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::OperatorId;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Create {
    pub name: String,
    pub role: Role,
    pub reach: Reach,
    pub first: bool,
    /// made with it, in the same batch
    pub token: Option<MintToken>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    pub name: Personal<String>,
    pub role: Role,
    pub reach: Reach,
    pub first: bool,
}

impl Create {
    pub(super) fn decide(
        &self,
        operator: Option<&Operator>,
        beside: &Beside<'_>,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        if operator.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        beside.may_grant(self.role, &self.reach)?;
        let created = OperatorEvent::Created(Created {
            name: Personal::Known(self.name.clone()),
            role: self.role,
            reach: self.reach.clone(),
            first: self.first,
        });
        let minted = self.token.as_ref().map(|token| token.minted(context)).transpose()?;
        Ok([created].into_iter().chain(minted).collect())
    }
}

impl Created {
    pub(super) fn into_operator(self, recorded: &Recorded) -> Result<Operator, &'static str> {
        if recorded.version != 1 {
            return Err("an operator is created by its stream's first event");
        }
        if recorded.tenant.is_some() {
            return Err("an operator belongs to no tenant's trail");
        }
        Ok(Operator {
            id: OperatorId(recorded.stream.0),
            name: self.name,
            name_since: recorded.version,
            role: self.role,
            reach: self.reach,
            created_at: recorded.at,
            created_by: recorded.actor,
            disabled_at: None,
            tokens: Vec::new(),
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}
