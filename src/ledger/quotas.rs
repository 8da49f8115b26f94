//! What a command counts, in the append's own transaction: credentials against a plan, and salted keys that begin alike.

use uuid::Uuid;

use super::execute::ExecuteError;
use super::load::LoadedStreams;
use super::proposal::{CommitError, Quota};
use crate::domain::credential::{CredentialEvent, Salt};
use crate::domain::event::{Event, Recorded};
use crate::domain::plan::Plan;
use crate::domain::refusal::Refusal;
use crate::domain::stream::{Lifecycle, StreamState};
use crate::limits;
use crate::vault::sha256;

/// Active credentials are counted exactly, in the append.
pub(super) fn quotas(before: &StreamState, events: &[Recorded], plan: Option<&Plan>) -> Vec<Quota> {
    let counts =
        |state: &StreamState| i64::from(state.credential().is_some_and(|credential| credential.counts()));
    let after = Lifecycle::after_decided(before.clone(), events.to_vec());
    let delta = counts(&after) - counts(before);
    let tenant = after.credential().map(|credential| credential.tenant);
    let active = tenant.filter(|_| delta != 0).map(|tenant| Quota {
        subject: tenant.0,
        name: "active_credentials",
        delta,
        // What is given back is never too much.
        limit: plan.filter(|_| delta > 0).and_then(|plan| plan.bounds.active_credentials).map(i64::from),
    });
    let alike = salt(events).map(|salt| Quota {
        subject: start_id(salt),
        name: "salted_start",
        delta: 1,
        limit: Some(limits::SALTED_A_START as i64),
    });
    active.into_iter().chain(alike).collect()
}

fn salt(events: &[Recorded]) -> Option<&Salt> {
    events.iter().find_map(|recorded| match &recorded.event {
        Event::Credential(_, CredentialEvent::Imported(imported)) => imported.secret.salt.as_ref(),
        _ => None,
    })
}

/// Whoever begins so, in the whole ledger: verify tries all of them on one text.
fn start_id(salt: &Salt) -> Uuid {
    let digest =
        sha256(&[b"credledger salted start\0", salt.side.word().as_bytes(), b"\0", salt.start.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The plan that was read is the one that the append counted by: otherwise the command would have been decided again.
pub(super) fn over_quota(loaded: &LoadedStreams, salted: bool) -> ExecuteError {
    let plan = loaded.plan.as_ref().and_then(|loaded| loaded.state.plan());
    let full = plan.filter(|plan| plan.bounds.active_credentials.is_some()).map(Plan::exceeded);
    let alike = salted.then(|| {
        format!(
            "{} imported keys begin like this one, and no more may: each is tried at every use. Rotate this key where it is.",
            limits::SALTED_A_START
        )
    });
    match (full, alike) {
        (Some(full), None) => ExecuteError::Refused(full),
        (None, Some(alike)) => ExecuteError::Refused(Refusal::conflict(alike)),
        // The append does not say which of the two it was.
        (Some(full), Some(alike)) => {
            ExecuteError::Refused(Refusal { detail: format!("{} Or: {alike}", full.detail), ..full })
        }
        (None, None) => ExecuteError::Commit(CommitError::QuotaExceeded),
    }
}

pub(super) fn is_salted(events: &[Recorded]) -> bool {
    salt(events).is_some()
}
