//! How often a credential may be used, and what it says about that itself.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

/// So many requests in so many seconds; all of them at once, if the caller likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct RateLimit {
    requests: u32,
    per_seconds: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    requests: u32,
    per_seconds: u32,
}

/// Which member is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitError {
    Requests,
    PerSeconds,
}

impl RateLimit {
    pub const fn new(requests: u32, per_seconds: u32) -> Result<Self, RateLimitError> {
        if requests == 0 || requests > limits::RATE_REQUESTS {
            return Err(RateLimitError::Requests);
        }
        if per_seconds == 0 || per_seconds > limits::RATE_SECONDS {
            return Err(RateLimitError::PerSeconds);
        }
        Ok(RateLimit { requests, per_seconds })
    }

    pub fn requests(self) -> u32 {
        self.requests
    }

    pub fn per_seconds(self) -> u32 {
        self.per_seconds
    }
}

impl TryFrom<Members> for RateLimit {
    type Error = RateLimitError;

    fn try_from(members: Members) -> Result<Self, RateLimitError> {
        RateLimit::new(members.requests, members.per_seconds)
    }
}

impl From<RateLimit> for Members {
    fn from(limit: RateLimit) -> Self {
        Members { requests: limit.requests, per_seconds: limit.per_seconds }
    }
}

impl RateLimitError {
    pub fn member(self) -> &'static str {
        match self {
            RateLimitError::Requests => "requests",
            RateLimitError::PerSeconds => "per_seconds",
        }
    }
}

impl std::fmt::Display for RateLimitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RateLimitError::Requests => write!(f, "expected a number from 1 to {}", limits::RATE_REQUESTS),
            RateLimitError::PerSeconds => write!(f, "expected a number from 1 to {}", limits::RATE_SECONDS),
        }
    }
}

impl std::error::Error for RateLimitError {}

/// What a credential says of its limit. The tenant's default is looked up at each use, never copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OwnRateLimit {
    #[default]
    Default,
    None,
    Of(RateLimit),
}

impl OwnRateLimit {
    const DEFAULT: &str = "default";
    const NONE: &str = "none";

    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            Self::DEFAULT => Some(OwnRateLimit::Default),
            Self::NONE => Some(OwnRateLimit::None),
            _ => None,
        }
    }

    /// What holds, under this default of the tenant.
    pub fn under(self, default: Option<RateLimit>) -> Option<RateLimit> {
        match self {
            OwnRateLimit::Default => default,
            OwnRateLimit::None => None,
            OwnRateLimit::Of(limit) => Some(limit),
        }
    }
}

impl Serialize for OwnRateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            OwnRateLimit::Default => serializer.serialize_str(Self::DEFAULT),
            OwnRateLimit::None => serializer.serialize_str(Self::NONE),
            OwnRateLimit::Of(limit) => limit.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for OwnRateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Of(RateLimit),
        }
        match Written::deserialize(deserializer)? {
            Written::Of(limit) => Ok(OwnRateLimit::Of(limit)),
            Written::Word(word) => OwnRateLimit::from_word(&word)
                .ok_or_else(|| D::Error::custom("expected a limit, \"none\" or \"default\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_outside_its_bounds_is_none() {
        assert_eq!(RateLimit::new(0, 1), Err(RateLimitError::Requests));
        assert_eq!(RateLimit::new(1, 0), Err(RateLimitError::PerSeconds));
        assert_eq!(RateLimit::new(limits::RATE_REQUESTS + 1, 1), Err(RateLimitError::Requests));
        assert_eq!(RateLimit::new(1, limits::RATE_SECONDS + 1), Err(RateLimitError::PerSeconds));
        assert!(RateLimit::new(limits::RATE_REQUESTS, limits::RATE_SECONDS).is_ok());
        assert!(serde_json::from_str::<RateLimit>(r#"{"requests":0,"per_seconds":1}"#).is_err());
    }

    #[test]
    fn each_form_reads_back_as_it_was_written() {
        let limit = RateLimit::new(100, 60).expect("in bounds");
        for (own, text) in [
            (OwnRateLimit::Default, r#""default""#),
            (OwnRateLimit::None, r#""none""#),
            (OwnRateLimit::Of(limit), r#"{"requests":100,"per_seconds":60}"#),
        ] {
            assert_eq!(serde_json::to_string(&own).expect("plain"), text);
            assert_eq!(serde_json::from_str::<OwnRateLimit>(text).expect("its own form"), own);
        }
        assert!(serde_json::from_str::<OwnRateLimit>(r#""some""#).is_err());
    }

    #[test]
    fn the_tenants_default_holds_only_for_who_says_nothing_else() {
        let (own, default) = (RateLimit::new(1, 1).ok(), RateLimit::new(2, 2).ok());
        assert_eq!(OwnRateLimit::Default.under(default), default);
        assert_eq!(OwnRateLimit::Default.under(None), None);
        assert_eq!(OwnRateLimit::None.under(default), None);
        assert_eq!(own.map(OwnRateLimit::Of).and_then(|limit| limit.under(default)), own);
    }
}
