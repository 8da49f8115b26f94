//! Give a credential to an account of its tenant, or to none.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::ids::MemberId;
use crate::domain::member::Member;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct SetOwner {
    pub owner: Option<MemberId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerSet {
    pub owner: Option<MemberId>,
}

impl SetOwner {
    /// `member` is the account that it names, as far as there is one.
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        member: Option<&Member>,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if self.owner == credential.owner {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        allowed(self.owner, tenant, member)?;
        Ok(vec![CredentialEvent::OwnerSet(OwnerSet { owner: self.owner })])
    }
}

/// An account of the same tenant, that works.
pub(super) fn allowed(
    owner: Option<MemberId>,
    tenant: &Tenant,
    member: Option<&Member>,
) -> Result<(), Refusal> {
    let Some(owner) = owner else { return Ok(()) };
    let member = member.filter(|member| member.id == owner && member.tenant == tenant.id);
    match member {
        None => Err(Refusal::invalid("/owner", "The tenant has no such member. Create it first.")),
        Some(member) if member.disabled_at.is_some() => {
            Err(Refusal::conflict("The owner is disabled. Enable it first, or name another."))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn give(owner: Option<MemberId>) -> CredentialCommand {
        CredentialCommand::SetOwner(SetOwner { owner })
    }

    #[test]
    fn a_credential_is_given_to_a_member_and_taken_back() {
        let ada = member_with(&["a"]);
        let owned = given([created()]).member(ada.clone()).when(give(Some(ada.id))).state();
        assert_eq!((owned.owner, owned.version), (Some(ada.id), 2));
        assert_eq!(given_state(owned).when(give(None)).state().owner, None);
    }

    #[test]
    fn the_same_owner_again_is_no_event_even_when_it_is_disabled() {
        let ada = Member { disabled_at: Some(at(-1)), ..member_with(&[]) };
        let owned = || given([created(), owner_set(Some(ada.id))]);
        owned().member(ada.clone()).when(give(Some(ada.id))).then([]);
        given([created()]).when(give(None)).then([]);
    }

    #[test]
    fn a_member_that_is_unknown_or_another_tenants_is_no_owner() {
        let ada = member_with(&[]);
        let foreign = Member { tenant: tenant_id(2), ..ada.clone() };
        let other = Member { id: MemberId(uuid::Uuid::from_u128(99)), ..ada.clone() };
        for seen in [None, Some(foreign), Some(other)] {
            let given = match seen {
                Some(member) => given([created()]).member(member),
                None => given([created()]),
            };
            given.when(give(Some(ada.id))).refused(RefusalKind::Invalid, Some("/owner"));
        }
    }

    #[test]
    fn a_disabled_member_is_given_nothing_new() {
        let ada = Member { disabled_at: Some(at(-1)), ..member_with(&[]) };
        given([created()]).member(ada.clone()).when(give(Some(ada.id))).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn a_dead_credential_keeps_its_owner() {
        let ada = member_with(&[]);
        let given = given([created(), owner_set(Some(ada.id)), revoked()]).member(ada);
        given.when(give(None)).refused(RefusalKind::Conflict, None);
    }
}
