//! Housekeeping: close a grace window before its end, because whoever rotated asked for that once nobody uses the former secret any
//! more, and nobody has for so long. What is known of its use comes in with the command: the ledger itself holds none of it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Credential, CredentialEvent, EndCause, Secret, SecretExpired};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::ids::SecretId;

/// What is known of the use of some secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// nothing was let in from then on, and every call from then on was counted; of a secret that is not here nothing is known
    pub since: HashMap<SecretId, Timestamp>,
    /// up to then all of it is known
    pub until: Timestamp,
}

#[derive(Clone, Debug)]
pub struct CloseQuiet {
    pub quiet: Arc<Quiet>,
}

impl CloseQuiet {
    pub(super) fn decide(&self, credential: &Credential, context: &Context) -> Vec<CredentialEvent> {
        if !credential.counts() || credential.is_expired(context.now) {
            return Vec::new();
        }
        let closed = |secret: &&Secret| {
            self.quiet.since.get(&secret.facts.id).is_some_and(|since| {
                credential
                    .closes_when_quiet(secret, *since)
                    .is_some_and(|at| at <= self.quiet.until && at <= context.now)
            })
        };
        credential
            .living_secrets(context.now)
            .filter(closed)
            .map(|secret| {
                CredentialEvent::SecretExpired(SecretExpired {
                    secret_id: secret.facts.id,
                    ended_at: context.now,
                    cause: EndCause::Quiet,
                })
            })
            .collect()
    }
}

impl Credential {
    /// When an expiring secret is to be closed that was quiet since then: never within so long after the rotation.
    pub fn closes_when_quiet(&self, secret: &Secret, since: Timestamp) -> Option<Timestamp> {
        let (quiet, end) = (secret.close_when_quiet_seconds?, self.window_end(secret)?);
        let at = since.max(self.rotated_out_at(secret.facts.id)).plus_seconds(quiet);
        Some(at).filter(|at| *at < end)
    }

    /// The earliest instant at which one of its windows may be closed for being quiet. None: none will be.
    pub fn quiet_from(&self) -> Option<Timestamp> {
        if !self.counts() {
            return None;
        }
        let open = self.secrets.iter().filter(|secret| secret.revoked_at.is_none() && !secret.end_recorded);
        open.filter_map(|secret| self.closes_when_quiet(secret, Timestamp::default())).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, RecordDue, Revoke, Rotate, SecretStatus};
    use crate::domain::testing::*;

    fn rotate(grace: u32, quiet: u32) -> CredentialCommand {
        let (grace_seconds, close_when_quiet_seconds) = (Some(grace), Some(quiet));
        CredentialCommand::Rotate(Rotate { grace_seconds, close_when_quiet_seconds })
    }

    fn rotated() -> Credential {
        given([created()]).when(rotate(600, 60)).state()
    }

    /// Each of its secrets was quiet from then on, and all is known up to then.
    fn quiet(credential: &Credential, since: i64, until: i64) -> CredentialCommand {
        let since = credential.secrets.iter().map(|secret| (secret.facts.id, at(since))).collect();
        CredentialCommand::CloseQuiet(CloseQuiet { quiet: Arc::new(Quiet { since, until: at(until) }) })
    }

    fn statuses(credential: &Credential, now: i64) -> Vec<SecretStatus> {
        credential.secrets.iter().map(|secret| secret.status(at(now))).collect()
    }

    #[test]
    fn a_window_is_closed_once_it_was_quiet_for_so_long_and_not_a_moment_earlier() {
        use SecretStatus::{Active, Expired, Expiring};
        let given = |now| given_state(rotated()).now(at(now));
        given(160).when(quiet(&rotated(), 101, 160)).then([]);
        let after = given(160).when(quiet(&rotated(), 100, 160)).state();
        assert_eq!(statuses(&after, 160), [Expired, Active]);
        assert_eq!(statuses(&rotated(), 160), [Expiring, Active]);
        assert_eq!((after.secrets[0].ends_at, after.secrets[0].end_recorded), (Some(at(160)), true));
        assert_eq!((after.version, after.quiet_from(), after.due_at()), (rotated().version, None, None));
        given_state(after).now(at(900)).when(CredentialCommand::RecordDue(RecordDue)).then([]);
    }

    #[test]
    fn nothing_is_closed_so_soon_after_the_rotation_or_on_what_is_not_known() {
        let given = |now| given_state(rotated()).now(at(now));
        given(59).when(quiet(&rotated(), -1000, 59)).then([]);
        assert_eq!(rotated().quiet_from(), Some(at(60)));
        given(500).when(quiet(&rotated(), 0, 59)).then([]);
        let unknown = Quiet { since: HashMap::new(), until: at(500) };
        let unknown = CredentialCommand::CloseQuiet(CloseQuiet { quiet: Arc::new(unknown) });
        given(500).when(unknown).then([]);
    }

    #[test]
    fn what_is_over_or_was_not_to_be_closed_is_left_alone() {
        let revoke = CredentialCommand::Revoke(Revoke { reason: super::super::Reason::Other, note: None });
        let revoked = given_state(rotated()).when(revoke).state();
        assert_eq!(revoked.quiet_from(), None);
        given_state(revoked.clone()).now(at(300)).when(quiet(&revoked, 0, 300)).then([]);
        given_state(rotated()).now(at(600)).when(quiet(&rotated(), 0, 600)).then([]);
        let plain = given([created()]).when(CredentialCommand::Rotate(Rotate::with_grace(600))).state();
        assert_eq!(plain.quiet_from(), None);
        given_state(plain.clone()).now(at(300)).when(quiet(&plain, 0, 300)).then([]);
    }

    #[test]
    fn each_window_goes_by_its_own_while() {
        let twice = given_state(rotated()).now(at(10)).when(rotate(600, 120)).state();
        assert_eq!(twice.quiet_from(), Some(at(60)));
        let one = given_state(twice.clone()).now(at(129)).when(quiet(&twice, 0, 129)).state();
        let ends: Vec<_> = one.secrets.iter().map(|secret| secret.end_recorded).collect();
        assert_eq!(ends, [true, false, false]);
        let both = given_state(one.clone()).now(at(130)).when(quiet(&one, 0, 130)).state();
        assert!(both.secrets[1].end_recorded && !both.secrets[2].end_recorded);
    }

    #[test]
    fn the_windows_own_end_stays_the_latest() {
        let short = given([created_until(at(50))]).when(rotate(600, 60)).state();
        assert_eq!(short.quiet_from(), None, "the key ends before that");
        assert_eq!(rotated().closes_when_quiet(&rotated().secrets[0], at(540)), None);
    }
}
