//! Close a grace window by hand: one rotated-out secret ends now, the credential goes on.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::event::Recorded;
use crate::domain::ids::SecretId;
use crate::domain::refusal::{Refusal, RefusalKind};

#[derive(Clone, Debug)]
pub struct RevokeSecret {
    pub secret: SecretId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRevoked {
    pub secret_id: SecretId,
}

impl RevokeSecret {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let secret = credential.secret(self.secret).ok_or_else(Refusal::not_found)?;
        if secret.revoked_at.is_some() || credential.revoked.is_some() {
            return Ok(Vec::new());
        }
        // The tokens that a client was given for a secret outlive its window: ended by hand it takes them along, however late.
        let over = secret.is_over(context.now);
        if over && (credential.client.is_none() || credential.is_expired(context.now)) {
            return Ok(Vec::new());
        }
        credential.still_open(context.now)?;
        if secret.ends_at.is_none() {
            return Err(Refusal::new(
                RefusalKind::LastSecret,
                "This is the active secret. Revoke the credential, or rotate first.",
            ));
        }
        Ok(vec![CredentialEvent::SecretRevoked(SecretRevoked { secret_id: self.secret })])
    }
}

impl SecretRevoked {
    pub(super) fn apply(self, credential: &mut Credential, recorded: &Recorded) -> Result<(), &'static str> {
        let secret = credential.secret_mut(self.secret_id)?;
        secret.revoked_at = Some(recorded.at);
        secret.changed = recorded.version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Rotate, SecretStatus};
    use crate::domain::testing::*;

    fn rotated() -> Credential {
        given([created()]).when(CredentialCommand::Rotate(Rotate::with_grace(60))).state()
    }

    fn revoke(credential: &Credential, secret: usize) -> CredentialCommand {
        CredentialCommand::RevokeSecret(RevokeSecret { secret: credential.secrets[secret].facts.id })
    }

    #[test]
    fn the_old_secret_ends_and_the_active_one_goes_on() {
        let after = given_state(rotated()).when(revoke(&rotated(), 0)).state();
        assert_eq!(after.secrets[0].status(at(0)), SecretStatus::Revoked);
        assert_eq!(after.secrets[1].status(at(0)), SecretStatus::Active);
    }

    #[test]
    fn the_active_secret_alone_is_not_revoked() {
        given_state(rotated()).when(revoke(&rotated(), 1)).refused(RefusalKind::LastSecret, None);
    }

    #[test]
    fn a_clients_secret_is_ended_by_hand_after_its_window_too_for_its_tokens_outlive_that() {
        let rotate = CredentialCommand::Rotate(Rotate::with_grace(60));
        let rotated = given_client([client_created()]).when(rotate).state();
        let after = given_state(rotated.clone()).now(at(60)).when(revoke(&rotated, 0)).state();
        assert_eq!(after.secrets[0].status(at(60)), SecretStatus::Revoked);
        given_state(after).now(at(61)).when(revoke(&rotated, 0)).then([]);
    }

    #[test]
    fn what_is_over_stays_over_without_an_event() {
        given_state(rotated()).now(at(60)).when(revoke(&rotated(), 0)).then([]);
        given_state(rotated()).when(revoke(&rotated(), 0)).and(revoke(&rotated(), 0)).then([]);
    }
}
