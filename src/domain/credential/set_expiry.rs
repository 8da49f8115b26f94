//! Set, move or clear a credential's own expiry.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct SetExpiry {
    /// none: never
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpirySet {
    pub expires_at: Option<Timestamp>,
}

impl SetExpiry {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if self.expires_at == credential.expires_at {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        let since = credential.active_secret().map_or(credential.created_at, |secret| secret.created_at);
        allowed(self.expires_at, tenant, since, context.now)?;
        Ok(vec![CredentialEvent::ExpirySet(ExpirySet { expires_at: self.expires_at })])
    }
}

impl ExpirySet {
    pub(super) fn apply(self, credential: &mut Credential, at: Timestamp) {
        credential.expires_at = self.expires_at;
        credential.expiry_since = at;
    }
}

/// Later than now, and within the tenant's policy: a longest life is counted from when the active secret was made, so that
/// only a rotation earns more time. A tenant with one takes no credential without an end.
pub(super) fn allowed(
    expires_at: Option<Timestamp>,
    tenant: &Tenant,
    secret_since: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    let settings = &tenant.settings;
    let refuse = |detail: String| Err(Refusal::invalid("/expires_at", detail));
    let latest = settings.max_lifetime_seconds.map(|longest| secret_since.plus_seconds(longest));
    match (expires_at, latest) {
        (Some(end), _) if end <= now => refuse(format!("{end} is not later than now ({now}).")),
        (_, Some(latest)) if latest <= now => refuse(format!(
            "The tenant's max_lifetime_seconds allows no end after {latest}, counted from when the active secret was \
             made. Rotate first: a new secret earns time."
        )),
        (Some(end), Some(latest)) if end > latest => refuse(format!(
            "The tenant's max_lifetime_seconds allows no end after {latest}, counted from when the active secret was made."
        )),
        (None, Some(latest)) => {
            refuse(format!("The tenant's max_lifetime_seconds demands an end, not after {latest}."))
        }
        (None, None) if settings.require_expiry => {
            refuse("The tenant's require_expiry demands an end. Give expires_at.".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Rotate};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn set(expires_at: Option<Timestamp>) -> CredentialCommand {
        CredentialCommand::SetExpiry(SetExpiry { expires_at })
    }

    #[test]
    fn an_expiry_is_set_moved_and_cleared() {
        let after = given([created()]).when(set(Some(at(60)))).state();
        assert_eq!(after.expires_at, Some(at(60)));
        let after = given([created_until(at(60))]).when(set(Some(at(30)))).state();
        assert_eq!(after.expires_at, Some(at(30)));
        let after = given([created_until(at(60))]).when(set(None)).state();
        assert_eq!(after.expires_at, None);
    }

    #[test]
    fn an_end_that_is_not_ahead_is_refused() {
        given([created()]).when(set(Some(at(0)))).refused(RefusalKind::Invalid, Some("/expires_at"));
    }

    #[test]
    fn an_expired_credential_does_not_come_back() {
        given([created_until(at(60))])
            .now(at(60))
            .when(set(Some(at(90))))
            .refused(RefusalKind::Conflict, None);
        given([created_until(at(60))]).now(at(60)).when(set(Some(at(60)))).then([]);
    }

    #[test]
    fn the_tenants_longest_life_bounds_the_end() {
        let bounded = || tenant_with(|settings| settings.max_lifetime_seconds = Some(60));
        given([created()]).tenant(bounded()).when(set(Some(at(60)))).accepted();
        for end in [Some(at(61)), None] {
            given([created_until(at(50))])
                .tenant(bounded())
                .when(set(end))
                .refused(RefusalKind::Invalid, Some("/expires_at"));
        }
    }
    #[test]
    fn however_often_an_end_is_moved_it_stays_within_the_life_of_its_secret() {
        let bounded = || tenant_with(|settings| settings.max_lifetime_seconds = Some(60));
        let key = || given([created_until(at(50))]).tenant(bounded()).now(at(40));
        key().when(set(Some(at(60)))).accepted();
        key().when(set(Some(at(61)))).refused(RefusalKind::Invalid, Some("/expires_at"));
        // Only a new secret earns time, and it moves no end by itself.
        let rotate = CredentialCommand::Rotate(Rotate::with_grace(0));
        let rotated = key().when(rotate).state();
        assert_eq!(rotated.expires_at, Some(at(50)));
        let renewed = || given_state(rotated.clone()).tenant(bounded()).now(at(45));
        renewed().when(set(Some(at(100)))).accepted();
        renewed().when(set(Some(at(101)))).refused(RefusalKind::Invalid, Some("/expires_at"));
    }

    #[test]
    fn a_bound_that_came_later_changes_nothing_by_itself_and_asks_for_a_rotation() {
        let bounded = || tenant_with(|settings| settings.max_lifetime_seconds = Some(60));
        let old = || given([created_until(at(500))]).tenant(bounded()).now(at(100));
        old().when(set(Some(at(500)))).then([]);
        for end in [Some(at(110)), Some(at(501)), None] {
            let detail = old().when(set(end)).refused(RefusalKind::Invalid, Some("/expires_at"));
            assert!(detail.contains("Rotate first"), "{detail}");
        }
    }
}
