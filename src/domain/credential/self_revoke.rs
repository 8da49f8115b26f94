//! Whoever holds a secret ends it: the active one takes the credential with it, one in its window only itself. Judged on
//! the state as it is when the command is decided, so that a secret rotated out a moment ago can't end its successor.

use super::{Credential, CredentialEvent, Reason, Revoked, SecretRevoked};
use crate::domain::Context;
use crate::domain::access::Reason as Verdict;
use crate::domain::ids::SecretId;
use crate::domain::personal::Personal;
use crate::domain::refusal::{Refusal, RefusalKind};

#[derive(Clone, Debug)]
pub struct SelfRevoke {
    pub secret: SecretId,
    pub reason: Reason,
    pub note: Option<String>,
}

impl SelfRevoke {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let secret = credential.secret(self.secret).ok_or_else(|| over(Verdict::NotFound))?;
        if credential.revoked.is_some() || secret.revoked_at.is_some() {
            return Err(over(Verdict::Revoked));
        }
        if secret.is_over(context.now) {
            return Err(over(Verdict::RotatedOut));
        }
        if credential.is_expired(context.now) {
            return Err(over(Verdict::Expired));
        }
        Ok(vec![match secret.ends_at {
            Some(_) => CredentialEvent::SecretRevoked(SecretRevoked { secret_id: self.secret }),
            None => {
                let note = self.note.clone().map(Personal::Known);
                CredentialEvent::Revoked(Revoked { reason: self.reason, note })
            }
        }])
    }
}

fn over(reason: Verdict) -> Refusal {
    Refusal::new(RefusalKind::Unauthorized(reason), reason.detail())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, RevokeSecret, Rotate};
    use crate::domain::testing::*;

    fn rotated() -> Credential {
        given([created()]).when(CredentialCommand::Rotate(Rotate::with_grace(60))).state()
    }

    fn by(secret: usize) -> CredentialCommand {
        let secret = rotated().secrets[secret].facts.id;
        CredentialCommand::SelfRevoke(SelfRevoke { secret, reason: Reason::Other, note: None })
    }

    #[test]
    fn the_active_secret_ends_the_credential_and_an_older_one_only_itself() {
        assert!(given_state(rotated()).when(by(1)).state().revoked.is_some());
        let after = given_state(rotated()).when(by(0)).state();
        assert!(after.revoked.is_none() && after.secrets[0].revoked_at.is_some());
    }

    #[test]
    fn a_dead_secret_ends_nothing() {
        let refused =
            |given: Given, reason| given.when(by(0)).refused(RefusalKind::Unauthorized(reason), None);
        refused(given_state(rotated()).now(at(60)), Verdict::RotatedOut);
        let closed = CredentialCommand::RevokeSecret(RevokeSecret { secret: rotated().secrets[0].facts.id });
        refused(given_state(given_state(rotated()).when(closed).state()), Verdict::Revoked);
        refused(given_state(given_state(rotated()).when(by(1)).state()), Verdict::Revoked);
    }
}
