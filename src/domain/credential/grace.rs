//! Move the end of a rotated-out secret's window, or say whether it is closed before that, once nobody uses the secret.

use serde::{Deserialize, Serialize};

use super::rotate::closes_within;
use super::{Credential, CredentialEvent, Secret};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::ids::SecretId;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct MoveGrace {
    pub secret: SecretId,
    /// absent: it stays
    pub ends_at: Option<Timestamp>,
    /// absent: it stays; none within: it is not closed early
    pub close_when_quiet_seconds: Option<Option<u32>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraceMoved {
    pub secret_id: SecretId,
    pub ends_at: Timestamp,
    /// before that, once it was not used for so long
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_when_quiet_seconds: Option<u32>,
}

impl MoveGrace {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let secret = credential.secret(self.secret).ok_or_else(Refusal::not_found)?;
        let quiet = self.close_when_quiet_seconds.unwrap_or(secret.close_when_quiet_seconds);
        let ends_at = self.ends_at.or(secret.ends_at);
        let same = secret.ends_at == ends_at && secret.close_when_quiet_seconds == quiet;
        if same && ends_at.is_some() && secret.revoked_at.is_none() {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        if secret.is_over(context.now) {
            return Err(Refusal::conflict(
                "This secret is over. A window that has ended does not open again.",
            ));
        }
        let (Some(present), Some(ends_at)) = (secret.ends_at, ends_at) else {
            return Err(Refusal::conflict(
                "This is the active secret; its end is the credential's expires_at. Rotate to give it a window.",
            ));
        };
        if ends_at != present {
            self.may_end(ends_at, credential, tenant, context)?;
        }
        if let Some(Some(quiet)) = self.close_when_quiet_seconds {
            closes_within(quiet, ends_at.millis() - credential.rotated_out_at(self.secret).millis())?;
        }
        let moved = GraceMoved { secret_id: self.secret, ends_at, close_when_quiet_seconds: quiet };
        Ok(vec![CredentialEvent::GraceMoved(moved)])
    }

    fn may_end(
        &self,
        ends_at: Timestamp,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<(), Refusal> {
        let latest = credential.rotated_out_at(self.secret).plus_seconds(tenant.settings.max_grace_seconds);
        if ends_at <= context.now || ends_at > latest {
            return Err(Refusal::invalid(
                "/expires_at",
                format!(
                    "A window's end lies after now ({}) and not after {latest}. To close it now, revoke the secret.",
                    context.now
                ),
            ));
        }
        if let Some(end) = credential.expires_at.filter(|end| ends_at > *end) {
            return Err(Refusal::invalid(
                "/expires_at",
                format!("The credential itself ends at {end}. Choose no later end, or move that one first."),
            ));
        }
        Ok(())
    }
}

impl Credential {
    /// When a rotated-out secret stops working: at its window's end, and not later than the credential.
    pub fn window_end(&self, secret: &Secret) -> Option<Timestamp> {
        secret.ends_at.map(|end| self.expires_at.map_or(end, |own| own.min(end)))
    }

    /// When the rotation came that gave the secret its window: its successor was made then.
    pub fn rotated_out_at(&self, id: SecretId) -> Timestamp {
        let successor = self.secrets.iter().skip_while(|secret| secret.facts.id != id).nth(1);
        successor.map_or(self.created_at, |secret| secret.created_at)
    }
}

impl GraceMoved {
    pub(super) fn apply(self, credential: &mut Credential, version: u32) -> Result<(), &'static str> {
        let secret = credential.secret_mut(self.secret_id)?;
        secret.ends_at = Some(self.ends_at);
        secret.close_when_quiet_seconds = self.close_when_quiet_seconds;
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
        given([created()]).when(CredentialCommand::Rotate(Rotate::with_grace(60))).state()
    }

    fn move_to(credential: &Credential, secret: usize, ends_at: Timestamp) -> CredentialCommand {
        patch(credential, secret, Some(ends_at), None)
    }

    fn patch(
        credential: &Credential,
        secret: usize,
        ends_at: Option<Timestamp>,
        close_when_quiet_seconds: Option<Option<u32>>,
    ) -> CredentialCommand {
        let secret = credential.secrets[secret].facts.id;
        CredentialCommand::MoveGrace(MoveGrace { secret, ends_at, close_when_quiet_seconds })
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
    fn closing_when_quiet_is_set_changed_and_taken_back_beside_the_end_or_alone() {
        let quiet = |credential: &Credential| {
            (credential.secrets[0].close_when_quiet_seconds, credential.secrets[0].ends_at)
        };
        let when = |before: &Credential, end, quiet| {
            given_state(before.clone()).when(patch(before, 0, end, quiet)).state()
        };
        let set = when(&rotated(), None, Some(Some(10)));
        assert_eq!(quiet(&set), (Some(10), Some(at(60))));
        let moved = when(&set, Some(at(90)), None);
        assert_eq!(quiet(&moved), (Some(10), Some(at(90))), "the end alone was moved");
        let both = when(&moved, Some(at(50)), Some(Some(49)));
        assert_eq!(quiet(&both), (Some(49), Some(at(50))));
        let back = when(&both, None, Some(None));
        assert_eq!(quiet(&back), (None, Some(at(50))));
        given_state(both.clone()).when(patch(&both, 0, None, Some(Some(49)))).then([]);
        given_state(back.clone()).when(patch(&back, 0, None, Some(None))).then([]);
    }

    #[test]
    fn what_would_never_be_quiet_for_so_long_within_its_window_is_refused() {
        let asked = |end, quiet| given_state(rotated()).when(patch(&rotated(), 0, end, Some(Some(quiet))));
        asked(None, 60).refused(RefusalKind::Invalid, Some("/close_when_quiet_seconds"));
        asked(None, 59).accepted();
        asked(Some(at(61)), 60).accepted();
        asked(Some(at(30)), 30).refused(RefusalKind::Invalid, Some("/close_when_quiet_seconds"));
        let active = given_state(rotated()).when(patch(&rotated(), 1, None, Some(Some(5))));
        active.refused(RefusalKind::Conflict, None);
        given_state(rotated())
            .when(patch(&rotated(), 1, None, Some(None)))
            .refused(RefusalKind::Conflict, None);
        let over = given_state(rotated()).now(at(60)).when(patch(&rotated(), 0, None, Some(Some(5))));
        over.refused(RefusalKind::Conflict, None);
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
            let rotate = CredentialCommand::Rotate(Rotate::with_grace(60));
            given([created_until(at(40))]).when(rotate).state()
        };
        let moving = |end| given_state(ending()).when(move_to(&ending(), 0, at(end)));
        moving(41).refused(RefusalKind::Invalid, Some("/expires_at"));
        moving(39).accepted();
        // What was read can be sent back, and holds then even if the credential's own end is moved away.
        assert_eq!(ending().window_end(&ending().secrets[0]), Some(at(40)));
        let secret_id = ending().secrets[0].facts.id;
        let moved = GraceMoved { secret_id, ends_at: at(40), close_when_quiet_seconds: None };
        moving(40).then([CredentialEvent::GraceMoved(moved)]);
    }
}
