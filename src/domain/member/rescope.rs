//! Replace a member's scopes: from here on its credentials have at most these.

use serde::{Deserialize, Serialize};

use super::{Member, MemberEvent};
use crate::domain::credential::rescope::allowed;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Rescope {
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescoped {
    pub scopes: Vec<Scope>,
}

impl Rescope {
    pub(super) fn decide(&self, member: &Member, tenant: &Tenant) -> Result<Vec<MemberEvent>, Refusal> {
        if self.scopes == member.scopes {
            return Ok(Vec::new());
        }
        member.still_editable()?;
        allowed(&self.scopes, tenant)?;
        Ok(vec![MemberEvent::Rescoped(Rescoped { scopes: self.scopes.clone() })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::MemberCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn rescope(to: &[&str]) -> MemberCommand {
        MemberCommand::Rescope(Rescope { scopes: scopes(to) })
    }

    #[test]
    fn the_new_scopes_replace_the_old_ones_also_of_a_disabled_member() {
        for more in [vec![], vec![member_disabled()]] {
            let given = given_member_of([member_created(&["a"])].into_iter().chain(more));
            assert_eq!(given.when(rescope(&["b", "c"])).state().scopes, scopes(&["b", "c"]));
        }
    }

    #[test]
    fn the_same_scopes_are_no_event_and_those_beyond_the_tenants_are_refused() {
        given_member([member_created(&["a"])]).when(rescope(&["a"])).then([]);
        let tenant = tenant_with(|settings| settings.allowed_scopes = Some(scopes(&["logs:*"])));
        given_member([member_created(&["a"])])
            .tenant(tenant)
            .when(rescope(&["logs:read", "*"]))
            .refused(RefusalKind::Invalid, Some("/scopes"));
    }
}
