//! Housekeeping: say once, while there is time, that a credential will expire soon. What is told is its own expiry alone; the end
//! of a rotated-out secret's window was told by its rotation.
//!
//! A warning holds for the end that it names. When that is moved, another warning is due as soon as the new end is near; so the
//! last warning always names the end that holds.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Warn;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiringSoon {
    pub expires_at: Timestamp,
}

impl Warn {
    /// A suspended credential expires like any other, and whoever would resume it has to know. What has expired is told as that.
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let end = credential.unwarned_end().filter(|&end| end > context.now);
        let starts = credential.warning_starts(tenant.settings.expiry_warning_seconds);
        Ok(end
            .filter(|_| starts.is_some_and(|start| start <= context.now))
            .map(|expires_at| CredentialEvent::ExpiringSoon(ExpiringSoon { expires_at }))
            .into_iter()
            .collect())
    }
}

impl ExpiringSoon {
    pub(super) fn apply(self, credential: &mut Credential) -> Result<(), &'static str> {
        if credential.expires_at != Some(self.expires_at) {
            return Err("it warns of an end that the credential does not have");
        }
        credential.warned_of = Some(self.expires_at);
        Ok(())
    }
}

impl Credential {
    /// The end that no warning has named.
    fn unwarned_end(&self) -> Option<Timestamp> {
        self.expires_at.filter(|&end| self.counts() && self.warned_of != Some(end))
    }

    /// The earliest instant at which a warning may be due, however long its tenant's window is: the half of its life, and not
    /// before its end was set. None when no warning is to come.
    pub fn warnable_from(&self) -> Option<Timestamp> {
        self.unwarned_end()?;
        self.half_life().map(|half| half.max(self.expiry_since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{
        CredentialCommand, RecordDue, Resume, Rotate, SetExpiry, Status, Suspend,
    };
    use crate::domain::testing::*;

    fn warn() -> CredentialCommand {
        CredentialCommand::Warn(Warn)
    }

    fn set(expires_at: Option<Timestamp>) -> CredentialCommand {
        CredentialCommand::SetExpiry(SetExpiry { expires_at })
    }

    fn soon(end: i64) -> CredentialEvent {
        CredentialEvent::ExpiringSoon(ExpiringSoon { expires_at: at(end) })
    }

    fn warned_a_minute_before() -> Tenant {
        tenant_with(|settings| settings.expiry_warning_seconds = 60)
    }

    /// A key that ends after a thousand seconds, of a tenant that is warned a minute before.
    fn key(now: i64) -> Given {
        given([created_until(at(1000))]).tenant(warned_a_minute_before()).now(at(now))
    }

    #[test]
    fn a_warning_is_recorded_once_from_the_start_of_the_window_on() {
        key(939).when(warn()).then([]);
        key(940).when(warn()).then([soon(1000)]);
        let warned = key(940).when(warn()).state();
        assert_eq!((warned.warned_of, warned.warnable_from()), (Some(at(1000)), None));
        given_state(warned).tenant(warned_a_minute_before()).now(at(999)).when(warn()).then([]);
    }

    #[test]
    fn the_window_is_that_of_the_status_expiring_at_most_half_of_a_life() {
        let tenant = warned_a_minute_before();
        for (end, start) in [(1000, 940), (120, 60), (100, 50), (2, 1)] {
            let key = |now| given([created_until(at(end))]).tenant(tenant.clone()).now(at(now));
            key(start - 1).when(warn()).then([]);
            key(start).when(warn()).then([soon(end)]);
            let state = key(start).state();
            assert_eq!(state.status(at(start), 60), Status::Expiring);
            assert_ne!(state.status(at(start - 1), 60), Status::Expiring);
        }
    }

    #[test]
    fn what_has_no_end_or_has_met_it_or_is_revoked_is_not_warned_of() {
        given([created()]).now(at(1_000_000)).when(warn()).then([]);
        key(1000).when(warn()).then([]);
        let over = key(1000).when(CredentialCommand::RecordDue(RecordDue)).state();
        assert_eq!(over.warnable_from(), None);
        let revoked = given([created_until(at(1000)), revoked()]).tenant(warned_a_minute_before()).state();
        assert_eq!(revoked.warnable_from(), None);
        given_state(revoked).now(at(950)).when(warn()).then([]);
    }

    #[test]
    fn a_window_of_nothing_warns_of_nothing() {
        let tenant = tenant_with(|settings| settings.expiry_warning_seconds = 0);
        given([created_until(at(1000))]).tenant(tenant).now(at(999)).when(warn()).then([]);
    }

    #[test]
    fn a_suspended_key_is_warned_of_and_not_again_when_it_is_resumed() {
        let suspended = given([created_until(at(1000)), suspended()]).tenant(warned_a_minute_before());
        let warned = suspended.now(at(950)).when(warn());
        let resumed = warned.and(CredentialCommand::Resume(Resume)).state();
        assert_eq!(resumed.warned_of, Some(at(1000)));
        let again = given_state(resumed).tenant(warned_a_minute_before()).now(at(960));
        again.when(CredentialCommand::Suspend(Suspend)).and(warn()).then([]);
    }

    #[test]
    fn an_end_that_was_moved_is_warned_of_anew_once_it_is_near() {
        let moved = key(950).when(warn()).and(set(Some(at(2000)))).state();
        assert_eq!(moved.warned_of, Some(at(1000)));
        let moved = |now| given_state(moved.clone()).tenant(warned_a_minute_before()).now(at(now));
        moved(1939).when(warn()).then([]);
        moved(1940).when(warn()).then([soon(2000)]);
        // Also within the window: the last warning names the end that holds.
        moved(1950).when(warn()).and(set(Some(at(1990)))).and(warn()).then([soon(1990)]);
    }

    #[test]
    fn an_end_that_was_put_back_has_been_told_unless_another_was_told_since() {
        let back = |now| {
            let away = key(950).when(warn()).and(set(Some(at(2000))));
            let back = away.and(set(Some(at(1000)))).state();
            given_state(back).tenant(warned_a_minute_before()).now(at(now))
        };
        back(960).when(warn()).then([]);
        let another = back(960).when(set(Some(at(1010)))).and(warn());
        another.and(set(Some(at(1000)))).and(warn()).then([soon(1000)]);
        key(950).when(warn()).and(set(None)).and(warn()).then([]);
    }

    #[test]
    fn a_rotation_moves_no_end_and_asks_for_no_other_warning() {
        let rotate = CredentialCommand::Rotate(Rotate::with_grace(10));
        key(950).when(warn()).and(rotate).and(warn()).then([]);
    }

    #[test]
    fn a_changed_window_holds_from_its_change_on() {
        let wide = tenant_with(|settings| settings.expiry_warning_seconds = 300);
        key(800).when(warn()).then([]);
        key(800).tenant(wide.clone()).when(warn()).then([soon(1000)]);
        let warned = key(800).tenant(wide).when(warn()).state();
        given_state(warned).tenant(warned_a_minute_before()).now(at(950)).when(warn()).then([]);
    }

    #[test]
    fn no_window_lets_a_warning_be_due_before_it_is_looked_for() {
        assert_eq!(given([created_until(at(100))]).state().warnable_from(), Some(at(50)));
        assert_eq!(given([created()]).state().warnable_from(), None);
        // Half of its life was over before anybody set that end.
        let set_late = given([created()]).now(at(90)).when(set(Some(at(100)))).state();
        assert_eq!(set_late.warnable_from(), Some(at(90)));
        assert_eq!(given_state(set_late).now(at(95)).when(set(None)).state().warnable_from(), None);
    }

    #[test]
    fn a_warning_is_no_version_and_names_the_present_end() {
        let (before, after) = (key(950).state(), key(950).when(warn()).state());
        assert_eq!((after.version, after.history.events), (before.version, before.history.events + 1));
        let mut credential = before;
        assert!(ExpiringSoon { expires_at: at(7) }.apply(&mut credential).is_err());
    }
}
