//! Invite somebody by e-mail address. Whoever signs in with that address, as one that the identity provider has verified, is
//! the operator from then on: see [`super::accept`]. Until then it can do nothing.

use serde::{Deserialize, Serialize};

use super::create::first_of_its_stream;
use super::{Beside, Invitation, Operator, OperatorEvent, Reach};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::authority::Role;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::OperatorId;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::domain::secret::Digest;

#[derive(Clone, Debug)]
pub struct Invite {
    pub email: String,
    /// the address by which the invitation is found
    pub address: Digest,
    /// until the one who comes brings a name along
    pub name: String,
    pub role: Role,
    pub reach: Reach,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    pub email: Personal<String>,
    pub address: Digest,
    pub name: Personal<String>,
    pub role: Role,
    pub reach: Reach,
    pub expires_at: Timestamp,
}

impl Invite {
    pub(super) fn decide(
        &self,
        operator: Option<&Operator>,
        beside: &Beside<'_>,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        beside.may_make(operator, self.role, &self.reach)?;
        if self.expires_at <= context.now {
            return Err(Refusal::invalid("/email", "The invitation would be over already. Send it again."));
        }
        Ok(vec![OperatorEvent::Invited(Invited {
            email: Personal::Known(self.email.clone()),
            address: self.address,
            name: Personal::Known(self.name.clone()),
            role: self.role,
            reach: self.reach.clone(),
            expires_at: self.expires_at,
        })])
    }
}

impl Invited {
    pub(super) fn into_operator(self, recorded: &Recorded) -> Result<Operator, &'static str> {
        first_of_its_stream(recorded)?;
        Ok(Operator {
            id: OperatorId(recorded.stream.0),
            name: self.name,
            name_since: recorded.version,
            email: self.email,
            role: self.role,
            reach: self.reach,
            created_at: recorded.at,
            created_by: recorded.actor,
            disabled_at: None,
            last_disabled_at: None,
            invitation: Some(Invitation { address: self.address, expires_at: self.expires_at }),
            identity: None,
            is_mapped: false,
            tokens: Vec::new(),
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::testing::*;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::{at, context, tenant_id};

    fn invite(role: Role, reach: Reach) -> Invite {
        Invite { role, reach, ..an_invite() }
    }

    fn kind(outcome: Result<Vec<OperatorEvent>, Refusal>) -> Result<usize, RefusalKind> {
        outcome.map(|events| events.len()).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn an_invitation_names_role_and_reach_and_nothing_of_it_works_yet() {
        let root = operator(1, Role::Root, Reach::All);
        let beside = Beside { asker: Some(&root), other_root: None };
        let invited = invited_by(&invite(Role::Root, Reach::All), &beside);
        assert_eq!((invited.role, &invited.reach), (Role::Root, &Reach::All));
        assert_eq!(invited.identity, None);
        assert!(!invited.is_active_root(), "who has not come yet can't stand in for the last root");
    }

    #[test]
    fn nobody_invites_to_more_than_it_has() {
        let mine = Reach::Tenants([tenant_id(1)].into());
        let admin = operator(1, Role::OrgAdmin, mine.clone());
        let beside = Beside { asker: Some(&admin), other_root: None };
        let ask = |role, reach| kind(invite(role, reach).decide(None, &beside, &context()));
        assert_eq!(ask(Role::Auditor, mine), Ok(1));
        assert_eq!(ask(Role::Root, Reach::All), Err(RefusalKind::Forbidden));
        assert_eq!(ask(Role::Auditor, Reach::All), Err(RefusalKind::Forbidden));
        let foreign = Reach::Tenants([tenant_id(2)].into());
        assert_eq!(ask(Role::Auditor, foreign), Err(RefusalKind::Invalid));
    }

    #[test]
    fn an_invitation_that_is_over_is_none() {
        let over = Invite { expires_at: at(0), ..an_invite() };
        assert_eq!(kind(over.decide(None, &Beside::default(), &context())), Err(RefusalKind::Invalid));
    }
}
