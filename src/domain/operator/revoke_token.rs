//! End one token of an operator.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent};
use crate::domain::credential::{Reason, Reporter};
use crate::domain::event::Recorded;
use crate::domain::ids::TokenId;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct RevokeToken {
    pub token: TokenId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoked {
    pub token_id: TokenId,
    /// absent when an operator ended it, who needs none
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// of one that leaked, who found it where
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<Reporter>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub source: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub url: Option<Personal<String>>,
}

impl RevokeToken {
    pub(super) fn decide(&self, operator: &Operator) -> Result<Vec<OperatorEvent>, Refusal> {
        let token = operator.token(self.token).ok_or_else(Refusal::not_found)?;
        if token.revoked_at.is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![OperatorEvent::TokenRevoked(TokenRevoked::by_hand(self.token))])
    }
}

impl TokenRevoked {
    pub fn by_hand(token_id: TokenId) -> Self {
        TokenRevoked { token_id, reason: None, reporter: None, source: None, url: None }
    }

    pub(super) fn apply(self, operator: &mut Operator, recorded: &Recorded) -> Result<(), &'static str> {
        let token = operator.tokens.iter_mut().find(|token| token.id() == self.token_id);
        let token = token.ok_or("it names a token that is not there")?;
        token.revoked_at = Some(recorded.at);
        token.changed = recorded.version;
        Ok(())
    }
}
