//! Housekeeping: write down, soon after it happened, that a window or a credential came to its end by time. The verdict
//! never waits for this; it judges the instant itself.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::ids::SecretId;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct RecordDue;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretExpired {
    pub secret_id: SecretId,
    pub ended_at: Timestamp,
    pub cause: EndCause,
}

/// Why a window is over, where nobody ended it by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// its end came
    Time,
    /// it was to be closed once it was not used for so long, and that has come
    Quiet,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expired {
    pub ended_at: Timestamp,
}

impl RecordDue {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if !credential.counts() {
            return Ok(Vec::new());
        }
        let windows =
            credential.secrets.iter().filter(|secret| secret.revoked_at.is_none() && !secret.end_recorded);
        let mut events: Vec<_> = windows
            .filter_map(|secret| Some((secret.facts.id, secret.ends_at.filter(|&end| end <= context.now)?)))
            .map(|(secret_id, ended_at)| {
                CredentialEvent::SecretExpired(SecretExpired { secret_id, ended_at, cause: EndCause::Time })
            })
            .collect();
        if let Some(ended_at) = credential.expires_at.filter(|&end| end <= context.now) {
            events.push(CredentialEvent::Expired(Expired { ended_at }));
        }
        Ok(events)
    }
}

impl SecretExpired {
    pub(super) fn apply(self, credential: &mut Credential, version: u32) -> Result<(), &'static str> {
        let secret = credential.secret_mut(self.secret_id)?;
        secret.ends_at = Some(secret.ends_at.map_or(self.ended_at, |end| end.min(self.ended_at)));
        secret.end_recorded = true;
        secret.changed = version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Rotate};
    use crate::domain::testing::*;

    fn due() -> CredentialCommand {
        CredentialCommand::RecordDue(RecordDue)
    }

    #[test]
    fn an_ended_window_and_an_expiry_are_recorded_once_each() {
        let rotate = CredentialCommand::Rotate(Rotate::with_grace(60));
        let credential = given([created_until(at(90))]).when(rotate).state();
        assert_eq!(credential.due_at(), Some(at(60)));
        given_state(credential.clone()).now(at(59)).when(due()).then([]);
        let window = given_state(credential).now(at(60)).when(due()).state();
        assert_eq!((window.due_at(), window.secrets[0].end_recorded), (Some(at(90)), true));
        let over = given_state(window).now(at(90)).when(due()).state();
        assert_eq!((over.due_at(), over.counts()), (None, false));
        given_state(over).now(at(100)).when(due()).then([]);
    }

    #[test]
    fn housekeeping_does_not_count_as_a_version() {
        let before = given([created_until(at(9))]).state();
        let after = given([created_until(at(9))]).now(at(9)).when(due()).state();
        assert_eq!(after.version, before.version);
        assert!(after.history.events > before.history.events);
    }

    #[test]
    fn a_revoked_credential_has_nothing_due() {
        let revoked = given([created_until(at(9)), revoked()]).state();
        assert_eq!(revoked.due_at(), None);
        given_state(revoked).now(at(9)).when(due()).then([]);
    }
}
