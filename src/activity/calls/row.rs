//! One call.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::leaf::Salts;
use crate::clock::Timestamp;
use crate::domain::access::Reason;
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, SecretId, TenantId};

/// Whose rows are of no tenant: what operators read of the platform. No tenant has this id, and row-level security holds it as one.
pub const PLATFORM: TenantId = TenantId(Uuid::nil());

/// Let through, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome(&'static str);

impl Outcome {
    pub const ACCEPTED: Outcome = Outcome("accepted");
    pub const RATE_LIMITED: Outcome = Outcome("rate_limited");

    /// Only a real secret's calls leave rows.
    pub fn refused(reason: Reason) -> Option<Outcome> {
        (!matches!(reason, Reason::Malformed | Reason::NotFound)).then(|| Outcome(reason.word()))
    }

    pub fn all() -> impl Iterator<Item = Outcome> {
        let refused = Reason::ALL.into_iter().filter_map(Outcome::refused);
        [Outcome::ACCEPTED, Outcome::RATE_LIMITED].into_iter().chain(refused)
    }

    pub fn parse(word: &str) -> Result<Outcome, &'static str> {
        let found = Outcome::all().find(|outcome| outcome.0 == word);
        found.ok_or("expected accepted, rate_limited, or the reason of a refusal")
    }

    pub fn word(self) -> &'static str {
        self.0
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Outcome::parse(&word).map_err(serde::de::Error::custom)
    }
}

/// Who called: a credential of some kind, or an operator who read what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    Credential(Kind),
    Operator,
}

impl Caller {
    pub fn word(self) -> &'static str {
        match self {
            Caller::Credential(kind) => kind.word(),
            Caller::Operator => OPERATOR,
        }
    }

    pub fn from_word(word: &str) -> Option<Caller> {
        if word == OPERATOR { Some(Caller::Operator) } else { Kind::from_word(word).map(Caller::Credential) }
    }
}

const OPERATOR: &str = "operator";

/// What people may stand in: it can be erased, one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub operation: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub error: Option<String>,
    pub client_ip: Option<IpAddr>,
    pub request_id: Option<String>,
}

/// As it is written; its number is the writer's to give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// A verdict's is its decision id.
    pub id: Uuid,
    /// the verdict that it completes
    pub completes: Option<Uuid>,
    /// left by a verdict; else reported
    pub judged: bool,
    pub tenant: TenantId,
    /// of an operator its own id, and its token's
    pub credential: CredentialId,
    pub secret: Option<SecretId>,
    pub kind: Caller,
    pub outcome: Option<Outcome>,
    pub status: Option<i16>,
    pub latency_ms: Option<i32>,
    pub told: Told,
    /// what an operator asked for; nothing of it is personal
    pub asked: Option<String>,
    pub salts: Salts,
}

impl Row {
    /// Roughly what it holds in memory.
    pub fn bytes(&self) -> usize {
        let Told { operation, provider, model, error, request_id, .. } = &self.told;
        let texts = [operation, provider, model, error, request_id, &self.asked];
        size_of::<Row>() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// The instant that a UUIDv7 says; none of another kind of id.
pub fn instant_of(id: Uuid) -> Option<Timestamp> {
    let (first, _) = id.as_u64_pair();
    let millis = i64::try_from(first >> 16).ok()?;
    (id.get_version_num() == 7).then(|| Timestamp::from_millis(millis)).flatten()
}

/// The first id of all that an instant may have.
pub fn first_of(millis: i64) -> Uuid {
    Uuid::from_u64_pair(millis.max(0).cast_unsigned() << 16, 0)
}

/// The last one.
pub fn last_of(millis: i64) -> Uuid {
    let (first, _) = first_of(millis).as_u64_pair();
    Uuid::from_u64_pair(first | 0xffff, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_its_instant_and_none_is_made_up() {
        let id: Uuid = "01977f3a-5b1c-7000-8000-000000000000".parse().expect("an id");
        let at = instant_of(id).expect("an instant");
        assert_eq!(at.millis(), 0x0197_7f3a_5b1c);
        assert!(first_of(at.millis()) <= id && id < first_of(at.millis() + 1));
        assert_eq!(instant_of(Uuid::nil()), None);
    }

    #[test]
    fn an_outcome_is_one_of_those_that_a_real_secret_can_have() {
        for outcome in Outcome::all() {
            assert_eq!(Outcome::parse(outcome.word()), Ok(outcome));
        }
        for other in ["", "Accepted", "not_found", "malformed", "served"] {
            assert!(Outcome::parse(other).is_err(), "{other}");
        }
    }
}
