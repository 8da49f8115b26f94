//! End a credential for ever, with all its secrets.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent, Revocation};
use crate::domain::Context;
use crate::domain::event::Recorded;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Leaked,
    Compromised,
    Superseded,
    Unused,
    OwnerLeft,
    Deleted,
    Other,
}

impl Reason {
    pub const ALL: [Reason; 7] = [
        Reason::Leaked,
        Reason::Compromised,
        Reason::Superseded,
        Reason::Unused,
        Reason::OwnerLeft,
        Reason::Deleted,
        Reason::Other,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Reason::Leaked => "leaked",
            Reason::Compromised => "compromised",
            Reason::Superseded => "superseded",
            Reason::Unused => "unused",
            Reason::OwnerLeft => "owner_left",
            Reason::Deleted => "deleted",
            Reason::Other => "other",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Revoke {
    pub reason: Reason,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub note: Option<Personal<String>>,
}

impl Revoke {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if credential.revoked.is_some() {
            return Ok(Vec::new());
        }
        credential.still_open(context.now)?;
        let note = self.note.clone().map(Personal::Known);
        Ok(vec![CredentialEvent::Revoked(Revoked { reason: self.reason, note })])
    }
}

impl Revoked {
    pub(super) fn into_revocation(self, recorded: &Recorded) -> Revocation {
        Revocation { at: recorded.at, by: recorded.actor, reason: self.reason, note: self.note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Status};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn revoke() -> CredentialCommand {
        CredentialCommand::Revoke(Revoke {
            reason: Reason::Leaked,
            note: Some("seen in a public log".into()),
        })
    }

    #[test]
    fn a_revoked_credential_is_revoked_for_ever_and_says_why() {
        let after = given([created()]).when(revoke()).state();
        let revocation = after.revoked.clone().expect("a revocation");
        assert_eq!((revocation.reason, revocation.at), (Reason::Leaked, at(0)));
        assert_eq!(after.status(at(1_000_000), 0), Status::Revoked);
        given([created()]).when(revoke()).and(revoke()).then([]);
    }

    #[test]
    fn suspended_credentials_can_be_revoked() {
        given([created(), suspended()]).when(revoke()).accepted();
    }

    #[test]
    fn an_expired_credential_is_final() {
        given([created_until(at(5))]).now(at(5)).when(revoke()).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn every_reason_is_stored_under_its_word() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).ok(), Some(reason.word().into()));
        }
    }
}
