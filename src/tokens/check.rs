//! Whether a text is a token of ours: a pure function of the text, the published keys and the instant. Whether it is over, and what
//! has become of its client, its secret and itself since, is the verdict's to say, after this.

use super::claims::Claims;
use super::jws::{Jws, JwsFault};
use super::mint::TYPE;
use crate::clock::Timestamp;
use crate::domain::signing_keys::{Keys, TokenAlgorithm};
use crate::limits;
use crate::vault::SigningAlgorithm;

/// Why a text is no token that may be taken; for the log and for tests. Whoever presented it learns that it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// no signed text of bearable length
    Form,
    /// a signed text of another type: an ID token, an assertion, a proof
    Type,
    /// an algorithm that is not taken, or not the one of the key that it names
    Algorithm,
    Critical,
    /// it names none of the keys that sign here
    UnknownKey,
    Signature,
    /// one is absent, of another type, or out of bounds
    Claims,
    Issuer,
    /// issued later than now
    NotYet,
}

impl TokenFault {
    pub fn word(self) -> &'static str {
        match self {
            TokenFault::Form => "form",
            TokenFault::Type => "type",
            TokenFault::Algorithm => "algorithm",
            TokenFault::Critical => "critical",
            TokenFault::UnknownKey => "unknown_key",
            TokenFault::Signature => "signature",
            TokenFault::Claims => "claims",
            TokenFault::Issuer => "issuer",
            TokenFault::NotYet => "not_yet",
        }
    }
}

impl From<JwsFault> for TokenFault {
    fn from(fault: JwsFault) -> Self {
        match fault {
            JwsFault::Form => TokenFault::Form,
            JwsFault::Critical => TokenFault::Critical,
            JwsFault::Algorithm => TokenFault::Algorithm,
        }
    }
}

const ALGORITHMS: [SigningAlgorithm; TokenAlgorithm::ALL.len()] =
    [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256];

/// Whether a text is written as tokens are: a header that begins an object, and three parts. Cheap, and said of more than ours.
pub fn is_shaped_as_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

pub fn check(text: &str, keys: &Keys, issuer: &str, now: Timestamp) -> Result<Claims, TokenFault> {
    let jws = Jws::read(text, limits::ACCESS_TOKEN_BYTES, &ALGORITHMS)?;
    if !jws.header.is_of_type(TYPE) {
        return Err(TokenFault::Type);
    }
    let key = jws.header.kid.as_deref().and_then(|kid| keys.verifying(kid)).ok_or(TokenFault::UnknownKey)?;
    if key.algorithm.signing() != jws.header.algorithm {
        return Err(TokenFault::Algorithm);
    }
    if !jws.is_signed_by(key.public_key.key()) {
        return Err(TokenFault::Signature);
    }
    let claims = jws.claims().and_then(|members| Claims::read(&members)).ok_or(TokenFault::Claims)?;
    if claims.issuer != issuer {
        return Err(TokenFault::Issuer);
    }
    if claims.is_ahead(now) {
        return Err(TokenFault::NotYet);
    }
    Ok(claims)
}

#[cfg(test)]
#[path = "check_test.rs"]
mod tests;
