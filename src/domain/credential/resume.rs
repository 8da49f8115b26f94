//! End a suspension.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Resume;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {}

impl Resume {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if credential.revoked.is_none() && credential.suspended_at.is_none() {
            return Ok(Vec::new());
        }
        credential.still_open(context.now)?;
        credential.history.takes_a_resumption()?;
        Ok(vec![CredentialEvent::Resumed(Resumed {})])
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credential::{CredentialCommand, Resume, Status};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    #[test]
    fn a_resumed_credential_is_as_before() {
        let after = given([created(), suspended()]).when(CredentialCommand::Resume(Resume)).state();
        assert_eq!(after.status(at(0), 0), Status::Active);
        given([created()]).when(CredentialCommand::Resume(Resume)).then([]);
    }

    #[test]
    fn there_is_no_way_back_from_revoked() {
        let resume = || CredentialCommand::Resume(Resume);
        given([created(), revoked()]).when(resume()).refused(RefusalKind::Conflict, None);
        given([created(), suspended(), revoked()]).when(resume()).refused(RefusalKind::Conflict, None);
    }
}
