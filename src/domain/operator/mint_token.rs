//! A bearer token for an operator: shown once, and with an end.

use serde::{Deserialize, Serialize};

use super::{Beside, Operator, OperatorEvent, Token};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::authority::Role;
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
        beside: &Beside<'_>,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        // What a person may do follows the identity provider: a token in somebody else's hands would follow it too.
        let other = beside.asker.filter(|asker| asker.id != operator.id && asker.role != Role::Root);
        if operator.identity.is_some() && other.is_some() {
            return Err(Refusal::forbidden(
                "This operator signs in by itself: it mints its own tokens, or root does. Create another operator for a machine.",
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::testing::*;
    use crate::domain::operator::{Accept, Beside, Reach};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::{at, context, tenant_id};

    #[test]
    fn whoever_signs_in_mints_its_own_tokens_or_root_does() {
        let invited = invited_by(&an_invite(), &Beside::default());
        let accept = Accept { person: a_person(7), address: an_invite().address };
        let person = then(invited.clone(), accept.decide(&invited, &context()));
        let machine = operator(3, Role::Gateway, person.reach.clone());
        let (admin, root) = (
            operator(1, Role::OrgAdmin, Reach::Tenants([tenant_id(1)].into())),
            operator(2, Role::Root, Reach::All),
        );
        let mint = MintToken { name: "ci".into(), expires_at: at(1_000_000) };
        let minted = |of: &Operator, asker: Option<&Operator>| {
            let decided = mint.decide(of, &Beside { asker, other_root: None }, &context());
            decided.map(|events| events.len()).map_err(|refusal| refusal.kind)
        };
        assert_eq!(minted(&person, Some(&admin)), Err(RefusalKind::Forbidden));
        assert_eq!(minted(&machine, Some(&admin)), Ok(1));
        for asker in [Some(&person), Some(&root), None] {
            assert_eq!(minted(&person, asker), Ok(1));
        }
    }
}
