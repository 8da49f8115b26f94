//! Take in an operator. The first one of a ledger is made on the machine; there can't be two first ones.

use serde::{Deserialize, Serialize};

use super::{Beside, MintToken, Operator, OperatorEvent, Reach};
use crate::domain::Context;
use crate::domain::authority::Role;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::OperatorId;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;
use crate::domain::secret::Digest;

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
    /// who it is at the identity provider; absent of one that comes with a token alone
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub email: Option<Personal<String>>,
}

impl Create {
    pub(super) fn decide(
        &self,
        operator: Option<&Operator>,
        beside: &Beside<'_>,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        beside.may_make(operator, self.role, &self.reach)?;
        let created = OperatorEvent::Created(Created {
            name: Personal::Known(self.name.clone()),
            role: self.role,
            reach: self.reach.clone(),
            first: self.first,
            identity: None,
            email: None,
        });
        let minted = self.token.as_ref().map(|token| token.minted(context)).transpose()?;
        Ok([created].into_iter().chain(minted).collect())
    }
}

impl Created {
    pub(super) fn into_operator(self, recorded: &Recorded) -> Result<Operator, &'static str> {
        first_of_its_stream(recorded)?;
        Ok(Operator {
            id: OperatorId(recorded.stream.0),
            name: self.name,
            name_since: recorded.version,
            role: self.role,
            reach: self.reach,
            created_at: recorded.at,
            created_by: recorded.actor,
            disabled_at: None,
            last_disabled_at: None,
            // Whom no invitation let in, the mapping did.
            is_mapped: self.identity.is_some(),
            identity: self.identity,
            email: self.email.unwrap_or(Personal::Known(String::new())),
            invitation: None,
            tokens: Vec::new(),
            version: 1,
            history: History::begun_by(recorded),
        })
    }

    /// On an invitation: whoever was invited has come.
    pub(super) fn accept(self, operator: &mut Operator, recorded: &Recorded) -> Result<(), &'static str> {
        if operator.invitation.take().is_none() {
            return Err("the operator is there already");
        }
        operator.identity = Some(self.identity.ok_or("an invitation is accepted by somebody")?);
        operator.name = self.name;
        operator.name_since = recorded.version;
        operator.role = self.role;
        operator.reach = self.reach;
        if let Some(email) = self.email {
            operator.email = email;
        }
        Ok(())
    }
}

pub(super) fn first_of_its_stream(recorded: &Recorded) -> Result<(), &'static str> {
    match (recorded.version, recorded.tenant) {
        (1, None) => Ok(()),
        (1, Some(_)) => Err("an operator belongs to no tenant's trail"),
        _ => Err("an operator begins with its stream's first event"),
    }
}
