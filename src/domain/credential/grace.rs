//! Move the end of a rotated-out secret's window.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent, Secret};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::ids::SecretId;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct MoveGrace {
    pub secret: SecretId,
    pub ends_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraceMoved {
    pub secret_id: SecretId,
    pub ends_at: Timestamp,
}

impl MoveGrace {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let secret = credential.secret(self.secret).ok_or_else(Refusal::not_found)?;
        if secret.ends_at == Some(self.ends_at) && secret.revoked_at.is_none() {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        if secret.is_over(context.now) {
            return Err(Refusal::conflict(
                "This secret is over. A window that has ended does not open again.",
            ));
        }
        if secret.ends_at.is_none() {
            return Err(Refusal::conflict(
                "This is the active secret; its end is the credential's expires_at. Rotate to give it a window.",
            ));
        }
        let latest = credential.rotated_out_at(self.secret).plus_seconds(tenant.settings.max_grace_seconds);
        if self.ends_at <= context.now || self.ends_at > latest {
            return Err(Refusal::invalid(
                "/expires_at",
                format!(
                    "A window's end lies after now ({}) and not after {latest}. To close it now, revoke the secret.",
                    context.now
                ),
            ));
        }
        if let Some(end) = credential.expires_at.filter(|end| self.ends_at > *end) {
            return Err(Refusal::invalid(
                "/expires_at",
                format!("The credential itself ends at {end}. Choose no later end, or move that one first."),
            ));
        }
        let moved = GraceMoved { secret_id: self.secret, ends_at: self.ends_at };
        Ok(vec![CredentialEvent::GraceMoved(moved)])
    }
}

impl Credential {
    /// When a rotated-out secret stops working: at its window's end, and not later than the credential.
    pub fn window_end(&self, secret: &Secret) -> Option<Timestamp> {
        secret.ends_at.map(|end| self.expires_at.map_or(end, |own| own.min(end)))
    }

    /// When the rotation came that gave the secret its window: its successor was made then.
    fn rotated_out_at(&self, id: SecretId) -> Timestamp {
        let successor = self.secrets.iter().skip_while(|secret| secret.facts.id != id).nth(1);
        successor.map_or(self.created_at, |secret| secret.created_at)
    }
}

impl GraceMoved {
    pub(super) fn apply(self, credential: &mut Credential, version: u32) -> Result<(), &'static str> {
        let secret = credential.secret_mut(self.secret_id)?;
        secret.ends_at = Some(self.ends_at);
        secret.changed = version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Rotate};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn rotated() -> Credential {
        given([created()]).when(CredentialCommand::Rotate(Rotate { grace_seconds: Some(60) })).state()
    }

    fn move_to(credential: &Credential, secret: usize, ends_at: Timestamp) -> CredentialCommand {
        CredentialCommand::MoveGrace(MoveGrace { secret: credential.secrets[secret].facts.id, ends_at })
    }

    #[test]
    fn a_window_is_lengthened_and_shortened() {
        for end in [1, 30, 7_776_000] {
            let moved = given_state(rotated()).when(move_to(&rotated(), 0, at(end))).state();
            assert_eq!(moved.secrets[0].ends_at, Some(at(end)));
        }
    }

    #[test]
    fn the_same_end_is_no_event() {
        given_state(rotated()).when(move_to(&rotated(), 0, at(60))).then([]);
    }

    #[test]
    fn an_end_in_the_past_or_beyond_the_tenants_longest_is_refused() {
        for end in [-1, 0, 7_776_001] {
            given_state(rotated())
                .when(move_to(&rotated(), 0, at(end)))
                .refused(RefusalKind::Invalid, Some("/expires_at"));
        }
    }

    #[test]
    fn an_active_or_ended_secret_has_no_window() {
        given_state(rotated()).when(move_to(&rotated(), 1, at(30))).refused(RefusalKind::Conflict, None);
        given_state(rotated())
            .now(at(60))
            .when(move_to(&rotated(), 0, at(90)))
            .refused(RefusalKind::Conflict, None);
    }
    #[test]
    fn no_window_is_moved_beyond_the_credentials_own_end() {
        let ending = || {
            let rotate = CredentialCommand::Rotate(Rotate { grace_seconds: Some(60) });
            given([created_until(at(40))]).when(rotate).state()
        };
        let moving = |end| given_state(ending()).when(move_to(&ending(), 0, at(end)));
        moving(41).refused(RefusalKind::Invalid, Some("/expires_at"));
        moving(39).accepted();
        // What was read can be sent back, and holds then even if the credential's own end is moved away.
        assert_eq!(ending().window_end(&ending().secrets[0]), Some(at(40)));
        let moved = GraceMoved { secret_id: ending().secrets[0].facts.id, ends_at: at(40) };
        moving(40).then([CredentialEvent::GraceMoved(moved)]);
    }
}
