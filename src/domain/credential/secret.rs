//! One of a credential's secrets: what is kept of it, and whether it still works.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::domain::ids::{ClientId, SecretId};
use crate::domain::imports::Side;
use crate::domain::secret::{Digest, PepperNumber};
use crate::limits;

/// What an event says of a new secret: all that is ever stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFacts {
    pub id: SecretId,
    /// of a client's secret, the id that goes with it; absent when a rotation keeps the one before
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// everything up to and with the public characters
    pub prefix: String,
    pub pepper: PepperNumber,
    pub digest: Digest,
}

/// What a text is looked up by that is no key of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// the prefix of its format
    pub format: String,
    pub salt: Option<Salt>,
}

/// A salt of one key, which is found by the key's first characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Salt {
    pub side: Side,
    pub start: String,
    pub bytes: SaltBytes,
}

/// As base64url in events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SaltBytes(pub Vec<u8>);

impl TryFrom<String> for SaltBytes {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = base64url::decode(&text).filter(|bytes| limits::SALT_BYTES.contains(&bytes.len()));
        bytes.map(SaltBytes).ok_or("no salt as base64url without padding")
    }
}

impl From<SaltBytes> for String {
    fn from(salt: SaltBytes) -> String {
        base64url::encode(&salt.0)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    pub facts: SecretFacts,
    /// of an imported key
    pub foreign: Option<Foreign>,
    pub created_at: Timestamp,
    /// of a rotated-out secret; the active one has none of its own
    pub ends_at: Option<Timestamp>,
    /// ended by hand
    pub revoked_at: Option<Timestamp>,
    pub end_recorded: bool,
    /// its window is closed once it was not used for so long
    pub close_when_quiet_seconds: Option<u32>,
    /// the version of the last event that touched it
    pub changed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretStatus {
    Active,
    Expiring,
    Expired,
    Revoked,
}

impl SecretStatus {
    pub fn word(self) -> &'static str {
        match self {
            SecretStatus::Active => "active",
            SecretStatus::Expiring => "expiring",
            SecretStatus::Expired => "expired",
            SecretStatus::Revoked => "revoked",
        }
    }
}

impl Serialize for SecretStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Secret {
    pub fn new(facts: SecretFacts, at: Timestamp, version: u32) -> Self {
        Secret {
            facts,
            foreign: None,
            created_at: at,
            ends_at: None,
            revoked_at: None,
            end_recorded: false,
            close_when_quiet_seconds: None,
            changed: version,
        }
    }

    /// Equality means ended (P13).
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some() || self.ends_at.is_some_and(|end| end <= now)
    }

    pub fn status(&self, now: Timestamp) -> SecretStatus {
        match self.ends_at {
            _ if self.revoked_at.is_some() => SecretStatus::Revoked,
            Some(end) if end <= now => SecretStatus::Expired,
            Some(_) => SecretStatus::Expiring,
            None => SecretStatus::Active,
        }
    }
}
