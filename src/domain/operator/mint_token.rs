//! A bearer token for an operator: shown once, and with an end.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent, Token};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::credential::SecretFacts;
use crate::domain::event::Recorded;
use crate::domain::key_format::KeyFormat;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::limits;

#[derive(Clone, Debug)]
pub struct MintToken {
    pub name: String,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenMinted {
    pub name: Personal<String>,
    pub token: SecretFacts,
    pub expires_at: Timestamp,
}

impl MintToken {
    pub(super) fn decide(
        &self,
        operator: &Operator,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        if operator.disabled_at.is_some() {
            return Err(Refusal::conflict("The operator is disabled. Enable it first."));
        }
        if operator.invitation.is_some() {
            return Err(Refusal::conflict(
                "The invitation has not been accepted yet. Whoever was invited has to sign in first.",
            ));
        }
        let working = operator.tokens.iter().filter(|token| token.works(context.now)).count();
        if working >= limits::OPERATOR_TOKENS {
            return Err(Refusal::conflict(format!(
                "The operator has {working} working tokens, which is all it may have. Revoke one first."
            )));
        }
        operator.history.takes_more("Create another operator, then disable this one.")?;
        Ok(vec![self.minted(context)?])
    }

    pub(super) fn minted(&self, context: &Context) -> Result<OperatorEvent, Refusal> {
        if self.expires_at <= context.now {
            return Err(Refusal::invalid(
                "/expires_at",
                format!("It is not later than now ({}).", context.now),
            ));
        }
        Ok(OperatorEvent::TokenMinted(TokenMinted {
            name: Personal::Known(self.name.clone()),
            token: context.fresh.secret(&KeyFormat::operator_tokens()),
            expires_at: self.expires_at,
        }))
    }
}

impl TokenMinted {
    pub(super) fn into_token(self, recorded: &Recorded) -> Token {
        Token {
            facts: self.token,
            name: self.name,
            created_at: recorded.at,
            expires_at: self.expires_at,
            revoked_at: None,
            changed: recorded.version,
        }
    }
}
