//! Assertions: texts that a client signs to say that it is itself (RFC 7523, 3; OpenID Connect Core, 9). Whether one holds is a
//! pure function of the text, the client's keys, the issuer and the instant. That it was not shown before, is the ledger's
//! database's to say, after this.

use serde_json::{Map, Value};

use super::jws::{Jws, JwsFault};
use crate::clock::Timestamp;
use crate::domain::credential::ClientKeys;
use crate::limits;
use crate::vault::SigningAlgorithm;

/// What a request calls one by.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What its header may call it, where it says so; any other type is a text for something else.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// A text that is formed as one. Nothing that it says is to be believed before [`Assertion::check`].
pub struct Assertion<'a> {
    jws: Jws<'a>,
    said: Said,
}

struct Said {
    /// who signs, and whom it is about: the client both times
    client_id: String,
    audience: String,
    id: String,
    /// seconds, whole or not (RFC 7519, 2)
    expires_at: f64,
    not_before: Option<f64>,
    issued_at: Option<f64>,
}

/// Why a text proves nothing; for the log and for tests. Whoever shows it learns that it did not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionFault {
    /// no signed text of bearable length
    Form,
    Critical,
    Algorithm,
    /// a signed text of another type: an access token, a proof
    Type,
    /// one is absent, of another type, or out of bounds
    Claims,
    /// `iss` and `sub` are not the same client
    Subject,
    /// its client is none that signs assertions, or the key that it names is none of the client's; or it was signed by another
    Signature,
    /// it is not for this issuer, or not for it alone
    Audience,
    Expired,
    /// it ends later than it may
    TooLong,
    /// it holds from later than now on
    NotYet,
}

impl std::fmt::Display for AssertionFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AssertionFault::Form => "the assertion is no signed JWT, or too long",
            AssertionFault::Critical => "the assertion demands (crit) what is not known here",
            AssertionFault::Algorithm => "the assertion's alg is none of those in the metadata",
            AssertionFault::Type => "the assertion's typ is neither JWT nor client-authentication+jwt",
            AssertionFault::Claims => "iss, sub, aud, exp or jti of the assertion is absent or no such claim",
            AssertionFault::Subject => "the assertion's iss and sub are not both the client's id",
            AssertionFault::Signature => "no key of such a client that the assertion may name has signed it",
            AssertionFault::Audience => "the assertion's aud is not the issuer alone",
            AssertionFault::Expired => "the assertion has expired",
            AssertionFault::TooLong => "the assertion's exp is further ahead than it may be",
            AssertionFault::NotYet => "the assertion's nbf or iat is ahead of now",
        })
    }
}

impl std::error::Error for AssertionFault {}

impl From<JwsFault> for AssertionFault {
    fn from(fault: JwsFault) -> Self {
        match fault {
            JwsFault::Form => AssertionFault::Form,
            JwsFault::Critical => AssertionFault::Critical,
            JwsFault::Algorithm => AssertionFault::Algorithm,
        }
    }
}

impl<'a> Assertion<'a> {
    pub fn read(text: &'a str) -> Result<Self, AssertionFault> {
        let jws = Jws::read(text, limits::ASSERTION_BYTES, &SigningAlgorithm::ALL)?;
        let header = &jws.header;
        if header.typ.is_some() && !TYPES.iter().any(|typ| header.is_of_type(typ)) {
            return Err(AssertionFault::Type);
        }
        let said = Said::read(&jws.claims().ok_or(AssertionFault::Form)?)?;
        Ok(Assertion { jws, said })
    }

    /// Who it says it is from.
    pub fn client_id(&self) -> &str {
        &self.said.client_id
    }

    /// What tells it from every other of its client.
    pub fn id(&self) -> &str {
        &self.said.id
    }

    /// From then on it is refused as one that is over. Of one that was checked this is not far ahead.
    pub fn refused_from(&self) -> Timestamp {
        let millis = seconds_after(self.said.expires_at, limits::ASSERTION_LEEWAY_SECONDS).ceil();
        Timestamp::from_millis(millis as i64).unwrap_or_default()
    }

    /// Whether its client has made it, for this issuer, and it holds now. `keys` are the client's that it names; without any it
    /// is refused in the time that it takes with them.
    pub fn check(
        &self,
        keys: Option<&ClientKeys>,
        issuer: &str,
        now: Timestamp,
    ) -> Result<(), AssertionFault> {
        let header = &self.jws.header;
        let key = keys.and_then(|keys| keys.candidate(header.kid.as_deref(), header.algorithm));
        if !self.jws.is_signed_by_any(key) {
            return Err(AssertionFault::Signature);
        }
        if self.said.audience != issuer {
            return Err(AssertionFault::Audience);
        }
        self.said.holds_at(now.millis() as f64)
    }
}

/// In milliseconds; comparisons of them are exact to far beyond any date.
fn seconds_after(instant: f64, seconds: i64) -> f64 {
    (instant + seconds as f64) * 1000.0
}

impl Said {
    /// What else stands there is passed over.
    fn read(members: &Map<String, Value>) -> Result<Self, AssertionFault> {
        let text = |name: &str, most: usize| {
            let text = members.get(name).and_then(Value::as_str);
            text.filter(|text| (1..=most).contains(&text.len())).ok_or(AssertionFault::Claims)
        };
        // a number, and never the text of one
        let instant = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::Number(seconds)) => seconds.as_f64().map(Some).ok_or(AssertionFault::Claims),
            Some(_) => Err(AssertionFault::Claims),
        };
        let client_id = text("sub", limits::CLAIM_BYTES)?;
        if text("iss", limits::CLAIM_BYTES)? != client_id {
            return Err(AssertionFault::Subject);
        }
        Ok(Said {
            client_id: client_id.to_owned(),
            audience: audience(members.get("aud").ok_or(AssertionFault::Claims)?)?.to_owned(),
            id: text("jti", limits::ASSERTION_ID_BYTES)?.to_owned(),
            expires_at: instant("exp")?.ok_or(AssertionFault::Claims)?,
            not_before: instant("nbf")?,
            issued_at: instant("iat")?,
        })
    }

    fn holds_at(&self, now: f64) -> Result<(), AssertionFault> {
        const LEEWAY: i64 = limits::ASSERTION_LEEWAY_SECONDS;
        if seconds_after(self.expires_at, LEEWAY) <= now {
            return Err(AssertionFault::Expired);
        }
        if seconds_after(self.expires_at, -LEEWAY - limits::ASSERTION_SECONDS) > now {
            return Err(AssertionFault::TooLong);
        }
        let ahead =
            |instant: Option<f64>| instant.is_some_and(|instant| seconds_after(instant, -LEEWAY) > now);
        if ahead(self.not_before) || ahead(self.issued_at) {
            return Err(AssertionFault::NotYet);
        }
        Ok(())
    }
}

/// One alone: whoever else is named could use the assertion here.
fn audience(value: &Value) -> Result<&str, AssertionFault> {
    let one = match value {
        Value::String(one) => Some(one),
        Value::Array(many) => match many.as_slice() {
            [Value::String(one)] => Some(one),
            [] => None,
            _ => return Err(AssertionFault::Audience),
        },
        _ => None,
    };
    one.map(String::as_str).ok_or(AssertionFault::Claims)
}

#[cfg(test)]
#[path = "assertion_test.rs"]
mod tests;
