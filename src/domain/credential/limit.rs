//! Set how often a living credential may be used.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Limit {
    pub rate_limit: OwnRateLimit,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limited {
    pub rate_limit: OwnRateLimit,
}

impl Limit {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if self.rate_limit == credential.rate_limit {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        Ok(vec![CredentialEvent::Limited(Limited { rate_limit: self.rate_limit })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::rate_limit::RateLimit;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn a_minute(requests: u32) -> OwnRateLimit {
        OwnRateLimit::Of(RateLimit::new(requests, 60).expect("in bounds"))
    }

    fn limit(rate_limit: OwnRateLimit) -> CredentialCommand {
        CredentialCommand::Limit(Limit { rate_limit })
    }

    #[test]
    fn a_credential_goes_by_the_default_until_it_has_a_limit_of_its_own() {
        let credential = given([created()]).state();
        assert_eq!(credential.rate_limit, OwnRateLimit::Default);
        for own in [a_minute(100), OwnRateLimit::None] {
            let after = given_state(credential.clone()).when(limit(own)).state();
            assert_eq!((after.rate_limit, after.version), (own, 2));
            let back = given_state(after).when(limit(OwnRateLimit::Default)).state();
            assert_eq!(back.rate_limit, OwnRateLimit::Default);
        }
    }

    #[test]
    fn the_same_limit_is_no_event_and_a_dead_credential_takes_no_other() {
        given([created()]).when(limit(OwnRateLimit::Default)).then([]);
        given([created(), limited(a_minute(1))]).when(limit(a_minute(1))).then([]);
        given([created(), limited(a_minute(1)), revoked()]).when(limit(a_minute(1))).then([]);
        given([created(), revoked()]).when(limit(a_minute(1))).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn a_suspended_credential_can_be_limited() {
        given([created(), suspended()]).when(limit(a_minute(1))).then([limited(a_minute(1))]);
    }
}
