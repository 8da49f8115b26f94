//! An operator's token was found where it should not be. Whoever reports it holds it: it ends, whatever anybody's setting is, for
//! it opens more than one tenant's credentials.

use super::{Operator, OperatorEvent, TokenRevoked};
use crate::domain::credential::Reason;
use crate::domain::credential::leak::Finding;
use crate::domain::ids::TokenId;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct ReportLeak {
    pub token: TokenId,
    pub finding: Finding,
}

impl ReportLeak {
    pub(super) fn decide(&self, operator: &Operator) -> Result<Vec<OperatorEvent>, Refusal> {
        let token = operator.token(self.token).ok_or_else(Refusal::not_found)?;
        if token.revoked_at.is_some() {
            return Ok(Vec::new());
        }
        let Finding { source, url, reporter } = self.finding.clone();
        Ok(vec![OperatorEvent::TokenRevoked(TokenRevoked {
            token_id: self.token,
            reason: Some(Reason::Leaked),
            reporter: Some(reporter),
            source: Some(Personal::Known(source)),
            url: url.map(Personal::Known),
        })])
    }
}
