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
        let full = "Its history is full to the last. Revoke the client: that ends its tokens too.";
        credential.history.takes_a_resumption().map_err(|_| Refusal::conflict(full))?;
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
    use crate::domain::credential::{CredentialCommand, Reason, Revoke};
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
    fn a_full_history_has_room_for_it_within_the_reserve_and_then_only_for_the_end() {
        let of = |events: u32| {
            let client = given_client([client_created()]).state();
            given_state(Credential { history: History { events, bytes: 0 }, ..client })
        };
        of(limits::STREAM_EVENTS).when(revoke_tokens()).accepted();
        let full = || of(limits::STREAM_EVENTS + limits::STREAM_RESERVE);
        full().when(revoke_tokens()).refused(RefusalKind::Conflict, None);
        let revoke = Revoke { reason: Reason::Leaked, note: None };
        full().when(CredentialCommand::Revoke(revoke)).accepted();
    }

    #[test]
    fn a_suspended_clients_tokens_are_ended_too() {
        given_client([client_created(), suspended()]).when(revoke_tokens()).accepted();
    }
}
