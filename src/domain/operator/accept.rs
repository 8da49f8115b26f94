//! Accept an invitation: the first sign-in of the one who was invited. What it says of a person comes from the identity
//! provider, which has verified the address; from here on the operator is that identity's, whatever its address becomes.

use super::{Created, Operator, OperatorEvent, Person};
use crate::domain::Context;
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::domain::secret::Digest;

#[derive(Clone, Debug)]
pub struct Accept {
    pub person: Person,
    /// the verified address that it came with
    pub address: Digest,
}

impl Accept {
    pub(super) fn decide(
        &self,
        operator: &Operator,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        let Some(invitation) = &operator.invitation else {
            return Err(Refusal::conflict("The invitation was accepted before."));
        };
        if invitation.address != self.address {
            return Err(Refusal::not_found());
        }
        if operator.disabled_at.is_some() {
            return Err(Refusal::conflict("The invitation was withdrawn. Enable it, or invite again."));
        }
        if invitation.expires_at <= context.now {
            return Err(Refusal::conflict("The invitation is over. Invite again."));
        }
        operator.history.takes_more("Disable it, and invite again.")?;
        let name = self.person.name.clone().map_or_else(|| operator.name.clone(), Personal::Known);
        Ok(vec![OperatorEvent::Created(Created {
            name,
            role: operator.role,
            reach: operator.reach.clone(),
            first: false,
            identity: Some(self.person.identity),
            email: Some(Personal::Known(self.person.email.clone())),
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authority::Role;
    use crate::domain::operator::testing::*;
    use crate::domain::operator::{Beside, Claim, ClaimKind, Invite, OperatorCommand, Reach, claims};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::{at, context, tenant_id};

    fn accept() -> Accept {
        Accept { person: a_person(7), address: an_invite().address }
    }

    fn kind(operator: &Operator, accept: &Accept) -> Result<usize, RefusalKind> {
        let decided = OperatorCommand::Accept(accept.clone());
        let decided = decided.decide(Some(operator), &Beside::default(), &context());
        decided.map(|events| events.len()).map_err(|refusal| refusal.kind)
    }

    fn invited() -> Operator {
        invited_by(&an_invite(), &Beside::default())
    }

    #[test]
    fn whoever_was_invited_becomes_what_the_invitation_says_and_only_once() {
        let reach = Reach::Tenants([tenant_id(1)].into());
        let invite = Invite { role: Role::Auditor, reach: reach.clone(), ..an_invite() };
        let before = invited_by(&invite, &Beside::default());
        let after = then(before, accept().decide(&invited_by(&invite, &Beside::default()), &context()));
        assert_eq!((after.role, &after.reach), (Role::Auditor, &reach));
        assert_eq!(after.identity, Some(a_person(7).identity));
        assert_eq!(after.name, Personal::Known("Ada".into()));
        assert_eq!((after.name_since, after.version), (2, 2));
        assert!(after.invitation.is_none() && !after.is_mapped);
        assert_eq!(kind(&after, &accept()), Err(RefusalKind::Conflict));
    }

    #[test]
    fn a_person_without_a_name_keeps_the_one_of_the_invitation() {
        let nameless = Accept { person: Person { name: None, ..a_person(7) }, ..accept() };
        let after = then(invited(), nameless.decide(&invited(), &context()));
        assert_eq!(after.name, invited().name);
    }

    #[test]
    fn an_identity_is_claimed_for_good() {
        let events = accept().decide(&invited(), &context()).expect("accepted");
        let claim = Claim { kind: ClaimKind::Identity, key: a_person(7).identity.text() };
        assert_eq!(claims(&events[0]), [claim]);
    }

    #[test]
    fn an_invitation_withdrawn_or_over_or_for_another_address_is_not_accepted() {
        assert_eq!(kind(&disabled(invited()), &accept()), Err(RefusalKind::Conflict));
        let mut over = invited();
        over.invitation.as_mut().expect("invited").expires_at = at(0);
        assert_eq!(kind(&over, &accept()), Err(RefusalKind::Conflict), "equality means over");
        let other = Accept { address: Digest::new([9; 32]), ..accept() };
        assert_eq!(kind(&invited(), &other), Err(RefusalKind::NotFound));
        let never_invited = operator(1, Role::Auditor, Reach::All);
        assert_eq!(kind(&never_invited, &accept()), Err(RefusalKind::Conflict));
    }
}
