//! End every access token that a client was given so far. The client goes on, and is given new ones.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct RevokeTokens;

/// Those that were issued before this event are over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensRevoked {}

impl RevokeTokens {
    /// Said again, it ends what was issued since. Of a credential that is over no token is alive.
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if credential.client.is_none() {
            return Err(Refusal::not_found());
        }
        if credential.revoked.is_some() || credential.is_expired(context.now) {
            return Ok(Vec::new());
        }
        credential.history.takes_a_cut_off()?;
        Ok(vec![CredentialEvent::TokensRevoked(TokensRevoked {})])
    }
}

impl TokensRevoked {
    pub(super) fn apply(credential: &mut Credential, version: u32) -> Result<(), &'static str> {
        let client = credential.client.as_mut().ok_or("it is no client")?;
        client.tokens_revoked = version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Reason, Resume, Revoke, Status, Suspend};
    use crate::domain::history::History;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;
    use crate::limits;

    fn revoke_tokens() -> CredentialCommand {
        CredentialCommand::RevokeTokens(RevokeTokens)
    }

    #[test]
    fn the_cut_off_is_the_events_place_and_moves_with_each() {
        let once = given_client([client_created()]).when(revoke_tokens()).state();
        let cut_off =
            |credential: &Credential| credential.client.as_ref().map(|client| client.tokens_revoked);
        assert_eq!(cut_off(&once), Some(2));
        let twice = given_state(once).now(at(-9)).when(revoke_tokens()).state();
        assert_eq!(cut_off(&twice), Some(3), "whatever the clock says");
    }

    #[test]
    fn of_what_is_over_nothing_is_left_to_end_and_a_key_has_no_tokens() {
        given_client([client_created(), revoked()]).when(revoke_tokens()).then([]);
        given([created()]).when(revoke_tokens()).refused(RefusalKind::NotFound, None);
    }

    #[test]
    fn said_until_there_is_no_room_it_leaves_room_to_suspend_resume_and_revoke() {
        let client = given_client([client_created()]).state();
        let history = History { events: limits::STREAM_EVENTS, bytes: 0 };
        let mut client = Credential { history, ..client };
        let mut said = 0;
        while let Ok(events) = RevokeTokens.decide(&client, &context()) {
            said += events.len();
            assert!(said <= limits::STREAM_RESERVE as usize, "it is bounded");
            client = given_state(client).when(revoke_tokens()).state();
        }
        assert_eq!(said, limits::STREAM_RESERVE_FOR_CUT_OFFS as usize);
        given_state(client.clone()).when(revoke_tokens()).refused(RefusalKind::Conflict, None);
        // Stopped and let go on, hundreds of times.
        for _ in 0..200 {
            let suspended = given_state(client).when(CredentialCommand::Suspend(Suspend)).state();
            client = given_state(suspended).when(CredentialCommand::Resume(Resume)).state();
        }
        assert_eq!(client.status(at(0), 0), Status::Active);
        let revoke = Revoke { reason: Reason::Leaked, note: None };
        given_state(client).when(CredentialCommand::Revoke(revoke)).accepted();
    }

    #[test]
    fn full_to_the_last_a_client_is_suspended_and_revoked_still() {
        let client = given_client([client_created()]).state();
        let events = limits::STREAM_EVENTS + limits::STREAM_RESERVE;
        let full = || given_state(Credential { history: History { events, bytes: 0 }, ..client.clone() });
        full().when(revoke_tokens()).refused(RefusalKind::Conflict, None);
        full().when(CredentialCommand::Suspend(Suspend)).accepted();
        let revoke = Revoke { reason: Reason::Leaked, note: None };
        full().when(CredentialCommand::Revoke(revoke)).accepted();
    }

    #[test]
    fn a_suspended_clients_tokens_are_ended_too() {
        given_client([client_created(), suspended()]).when(revoke_tokens()).accepted();
    }
}
