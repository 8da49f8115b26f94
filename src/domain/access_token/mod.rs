//! An access token that was revoked by itself. Of tokens that live to their end nothing is written: each is its own proof.
//! Its stream is its own, and not its client's, whose history would grow with every token that it gives back.

pub mod revoke;

use super::Unfoldable;
use super::event::{Recorded, family};
use super::history::History;
use super::ids::{AccessTokenId, CredentialId, StreamId, TenantId};
use crate::clock::Timestamp;
use crate::vault::sha256;

pub use revoke::{Revoke, Revoked};

family! { AccessTokenEvent,
    Revoked = "access_token.revoked" v 1 personal ["note"];
}

#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    pub id: AccessTokenId,
    pub tenant: TenantId,
    /// the client that it was given to
    pub credential: CredentialId,
    /// its own end; what is known of it is of no use after that
    pub ends_at: Timestamp,
    pub revoked_at: Timestamp,
    pub version: u64,
    pub history: History,
}

/// Made of both ids: whoever knows the id of another client's token can't take its stream.
pub fn stream(credential: CredentialId, token: AccessTokenId) -> StreamId {
    let digest = sha256(&[b"credledger access token\0", credential.0.as_bytes(), token.0.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// The fold of one more event: there is one in all.
pub fn fold(
    state: Option<AccessToken>,
    event: AccessTokenEvent,
    recorded: &Recorded,
) -> Result<AccessToken, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    if state.is_some() {
        return Err(unfoldable("the token was revoked before"));
    }
    let AccessTokenEvent::Revoked(revoked) = event;
    revoked.into_token(recorded).map_err(unfoldable)
}
