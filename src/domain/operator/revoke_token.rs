//! End one token of an operator.

use serde::{Deserialize, Serialize};

use super::{Operator, OperatorEvent};
use crate::domain::event::Recorded;
use crate::domain::ids::TokenId;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct RevokeToken {
    pub token: TokenId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoked {
    pub token_id: TokenId,
}

impl RevokeToken {
    pub(super) fn decide(&self, operator: &Operator) -> Result<Vec<OperatorEvent>, Refusal> {
        let token = operator.token(self.token).ok_or_else(Refusal::not_found)?;
        if token.revoked_at.is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![OperatorEvent::TokenRevoked(TokenRevoked { token_id: self.token })])
    }
}

impl TokenRevoked {
    pub(super) fn apply(self, operator: &mut Operator, recorded: &Recorded) -> Result<(), &'static str> {
        let token = operator.tokens.iter_mut().find(|token| token.id() == self.token_id);
        let token = token.ok_or("it names a token that is not there")?;
        token.revoked_at = Some(recorded.at);
        token.changed = recorded.version;
        Ok(())
    }
}
