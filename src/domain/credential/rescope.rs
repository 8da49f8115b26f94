//! Replace the scopes of a living credential.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;
use crate::domain::scope::{Scope, covers};
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Rescope {
    /// none: the tenant's default
    pub scopes: Option<Vec<Scope>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescoped {
    pub scopes: Vec<Scope>,
}

impl Rescope {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let scopes = self.scopes.as_ref().unwrap_or(&tenant.settings.default_scopes);
        if *scopes == credential.scopes {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        allowed(scopes, tenant)?;
        Ok(vec![CredentialEvent::Rescoped(Rescoped { scopes: scopes.clone() })])
    }
}

/// Every scope lies within what the tenant allows.
pub(in crate::domain) fn allowed(scopes: &[Scope], tenant: &Tenant) -> Result<(), Refusal> {
    let Some(allowed) = &tenant.settings.allowed_scopes else { return Ok(()) };
    match scopes.iter().find(|scope| !allowed.iter().any(|wide| covers(wide, scope))) {
        None => Ok(()),
        Some(scope) => Err(Refusal::invalid(
            "/scopes",
            format!(
                "The tenant's allowed_scopes don't cover {scope}. Ask for less, or widen allowed_scopes."
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn rescope(to: &[&str]) -> CredentialCommand {
        CredentialCommand::Rescope(Rescope { scopes: Some(scopes(to)) })
    }

    #[test]
    fn the_new_scopes_replace_the_old_ones() {
        let after = given([created()]).when(rescope(&["logs:read", "logs:write"])).state();
        assert_eq!(after.scopes, scopes(&["logs:read", "logs:write"]));
    }

    #[test]
    fn the_same_scopes_are_no_event_and_a_dead_credential_takes_no_others() {
        given([created(), rescoped(&["a"])]).when(rescope(&["a"])).then([]);
        given([created(), rescoped(&["a"]), revoked()]).when(rescope(&["a"])).then([]);
        given([created(), revoked()]).when(rescope(&["a"])).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn without_scopes_it_goes_back_to_the_tenants_default() {
        let tenant = || tenant_with(|settings| settings.default_scopes = scopes(&["logs:read"]));
        let back = || CredentialCommand::Rescope(Rescope { scopes: None });
        given([created(), rescoped(&["a"])]).tenant(tenant()).when(back()).then([rescoped(&["logs:read"])]);
        given([created(), rescoped(&["logs:read"])]).tenant(tenant()).when(back()).then([]);
    }

    #[test]
    fn a_suspended_credential_can_be_rescoped() {
        given([created(), suspended()]).when(rescope(&["a"])).then([rescoped(&["a"])]);
    }

    #[test]
    fn scopes_beyond_the_tenants_are_refused() {
        let tenant = tenant_with(|settings| settings.allowed_scopes = Some(scopes(&["logs:*"])));
        given([created()])
            .tenant(tenant)
            .when(rescope(&["logs:read", "*"]))
            .refused(RefusalKind::Invalid, Some("/scopes"));
    }
}
