//! Ids that can't be taken for one another. All are UUIDv7, made outside and handed in; but a plan's is made of its
//! name, and that of an imported credential of the one it had before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// Only the canonical text: 36 characters, lower case, hyphens in place.
        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                let mut canonical = Uuid::encode_buffer();
                if id.hyphenated().encode_lower(&mut canonical) == text { Ok($name(id)) } else { Err(NotAnId) }
            }
        }
    )*};
}

ids! {
    TenantId;
    CredentialId;
    SecretId;
    OperatorId;
    TokenId;
    /// Of an access token: its `jti`.
    AccessTokenId;
    MemberId;
    PlanId;
    ErasureId;
    /// One stream of events: a tenant's, a credential's, an operator's, a member's, a plan's or an erasure's id.
    StreamId;
}

impl From<TenantId> for StreamId {
    fn from(id: TenantId) -> Self {
        StreamId(id.0)
    }
}

impl From<PlanId> for StreamId {
    fn from(id: PlanId) -> Self {
        StreamId(id.0)
    }
}

impl From<ErasureId> for StreamId {
    fn from(id: ErasureId) -> Self {
        StreamId(id.0)
    }
}

impl From<CredentialId> for StreamId {
    fn from(id: CredentialId) -> Self {
        StreamId(id.0)
    }
}

impl From<OperatorId> for StreamId {
    fn from(id: OperatorId) -> Self {
        StreamId(id.0)
    }
}

impl From<MemberId> for StreamId {
    fn from(id: MemberId) -> Self {
        StreamId(id.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

/// The id that an OAuth client names itself by. No secret, and unique in the whole ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

impl ClientId {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        ClientId(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let text = "0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
        assert_eq!(text.parse::<TenantId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for other in
            ["", "0197A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B", "0197a1b2c3d47e5f8a9b0c1d2e3f4a5b", "urn:uuid:x"]
        {
            assert_eq!(other.parse::<TenantId>(), Err(NotAnId), "{other}");
        }
    }
}
