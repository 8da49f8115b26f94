//! Stop a credential for a while. It can still be edited, rotated and revoked.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Suspend;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspended {}

impl Suspend {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if credential.suspended_at.is_some() {
            return Ok(Vec::new());
        }
        credential.still_open(context.now)?;
        Ok(vec![CredentialEvent::Suspended(Suspended {})])
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credential::{CredentialCommand, Status, Suspend};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    #[test]
    fn a_second_suspension_does_nothing() {
        let suspend = || CredentialCommand::Suspend(Suspend);
        let after = given([created()]).when(suspend()).state();
        assert_eq!(after.status(at(0), 0), Status::Suspended);
        given([created()]).when(suspend()).and(suspend()).then([]);
    }

    #[test]
    fn a_dead_credential_is_not_suspended() {
        given([created(), revoked()])
            .when(CredentialCommand::Suspend(Suspend))
            .refused(RefusalKind::Conflict, None);
    }
}
