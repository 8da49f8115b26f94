//! The keys that sign access tokens: one stream for the whole installation. Of each key the ledger knows the public half; the
//! private one stands sealed in a row of its own (`tokens/sealed.rs`), and is forgotten when the key retires or is revoked.
//!
//! A key is published when it is made, and one is always published ahead: whoever keeps a copy of the published keys for no
//! longer than it may has each key before the first token that it signs.

pub mod begin;
pub mod keys;
pub mod retire;
pub mod revoke;
pub mod rotate;
#[cfg(test)]
pub mod testing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::credential::Revocation;
use super::event::{Recorded, family};
use super::history::History;
use super::ids::StreamId;
use super::public_key::PublicJwk;
use super::refusal::Refusal;
use super::{Context, Unfoldable};
use crate::clock::Timestamp;
use crate::vault::{SigningAlgorithm, sha256};

pub use begin::Begin;
pub use keys::{Keys, SigningKey, Status};
pub use retire::{Retire, Retired};
pub use revoke::{Revoke, Revoked};
pub use rotate::{Rotate, Rotated};

family! { SigningKeysEvent,
    Made = "ledger.signing_key_made" v 1 personal [];
    Rotated = "ledger.signing_key_rotated" v 1 personal [];
    Retired = "ledger.signing_key_retired" v 1 personal [];
    Revoked = "ledger.signing_key_revoked" v 1 personal ["note"];
}

/// The one stream of them.
pub fn stream() -> StreamId {
    let digest = sha256(&[b"credledger signing keys\0"]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// What a token may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// with a key that was brought: none is made here
    #[serde(rename = "RS256")]
    Rs256,
}

impl TokenAlgorithm {
    pub const ALL: [TokenAlgorithm; 3] =
        [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa, TokenAlgorithm::Rs256];

    pub fn signing(self) -> SigningAlgorithm {
        match self {
            TokenAlgorithm::Es256 => SigningAlgorithm::Es256,
            TokenAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
            TokenAlgorithm::Rs256 => SigningAlgorithm::Rs256,
        }
    }

    pub fn of(signing: SigningAlgorithm) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.signing() == signing)
    }

    pub fn word(self) -> &'static str {
        self.signing().word()
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word)
    }

    /// Whether this service makes keys of it.
    pub fn is_made_here(self) -> bool {
        self != TokenAlgorithm::Rs256
    }
}

/// A key was made, or brought, and is published from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// the public key's thumbprint
    pub kid: String,
    pub algorithm: TokenAlgorithm,
    pub public_key: PublicJwk,
}

impl Made {
    pub fn of(algorithm: TokenAlgorithm, public_key: PublicJwk) -> Self {
        Made { kid: public_key.thumbprint(), algorithm, public_key }
    }
}

#[derive(Clone, Debug)]
pub enum SigningKeysCommand {
    Begin(Begin),
    Rotate(Rotate),
    Retire(Retire),
    Revoke(Revoke),
}

impl SigningKeysCommand {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        match self {
            SigningKeysCommand::Begin(begin) => begin.decide(state, context),
            SigningKeysCommand::Rotate(rotate) => rotate.decide(state, context),
            SigningKeysCommand::Retire(retire) => retire.decide(state, context),
            SigningKeysCommand::Revoke(revoke) => revoke.decide(state, context),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct SigningKeys {
    pub keys: Keys,
    /// by whom and why each of those was that is revoked
    pub revocations: BTreeMap<String, Revocation>,
    pub version: u64,
    pub history: History,
}

impl SigningKeys {
    /// The one that was rotated to last, whether it signs yet or not.
    pub fn newest(&self) -> Option<&SigningKey> {
        self.keys.newest()
    }

    pub fn signing_at(&self, now: Timestamp) -> Option<&SigningKey> {
        self.keys.signing_at(now)
    }
}

/// The fold of one more event.
pub fn fold(
    state: Option<SigningKeys>,
    event: SigningKeysEvent,
    recorded: &Recorded,
) -> Result<SigningKeys, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    if recorded.stream != stream() {
        return Err(unfoldable("it stands in another stream"));
    }
    let before = state.unwrap_or_else(|| SigningKeys {
        keys: Keys::default(),
        revocations: BTreeMap::new(),
        version: 0,
        history: History::default(),
    });
    let SigningKeys { mut keys, mut revocations, version, history } = before;
    let by_people = !matches!(event, SigningKeysEvent::Retired(_));
    keys.apply(&event, recorded.at).map_err(unfoldable)?;
    if let SigningKeysEvent::Revoked(revoked) = event {
        let (kid, revocation) = revoked.into_revocation(recorded);
        revocations.insert(kid, revocation);
    }
    let (version, history) = (version + u64::from(by_people), history.with(recorded));
    Ok(SigningKeys { keys, revocations, version, history })
}
