//! Whether a text proves that whoever sends a request holds a key (RFC 9449, 4.3): a pure function of the text, the request and the
//! instant. Whether it was used before, and whether the key is the right one, is asked after this.

use serde_json::{Map, Value};

use super::http_target::HttpTarget;
use super::jws::{Jws, JwsFault};
use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::domain::jwk::Jwk;
use crate::limits;
use crate::vault::{SigningAlgorithm, sha256};

const TYPE: &str = "dpop+jwt";

/// The request that a proof is sent with.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    pub method: &'a str,
    pub target: &'a HttpTarget,
}

/// A proof that holds for its request and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// of the key that signed it (RFC 7638)
    pub thumbprint: String,
    /// what the server had it repeat
    pub nonce: Option<String>,
    id: String,
    issued_at: i64,
    token_hash: Option<String>,
}

/// Why a text proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofFault {
    /// the scheme says that there is one
    Absent,
    Twice,
    /// nobody said which request it is sent with
    NoTarget,
    /// no signed text of bearable length
    Form,
    Type,
    Algorithm,
    /// the key in its header is none, is private, too weak, or forbids this use
    Key,
    Signature,
    /// one is absent, of another type, or out of bounds
    Claims,
    Method,
    Target,
    /// made too long ago, or later than now
    Time,
    /// of another token, or of none
    OtherToken,
    /// of another key than the token is bound to
    OtherKey,
    Replayed,
    /// what it was sent with is bound to no key
    NotBound,
}

impl ProofFault {
    /// One sentence for whoever made it.
    pub fn detail(self) -> &'static str {
        match self {
            ProofFault::Absent => "The DPoP header is missing; send one with a proof for this request.",
            ProofFault::Twice => "The DPoP header is there more than once; send it once.",
            ProofFault::NoTarget => {
                "The method and the URL of the request are not known here, and no proof can be held against them. The proxy has to tell them."
            }
            ProofFault::Form => {
                "The DPoP proof is no signed JWT in compact form, is too long, or has a header that can't be read."
            }
            ProofFault::Type => "The typ of the DPoP proof must be dpop+jwt.",
            ProofFault::Algorithm => {
                "The alg of the DPoP proof must be one of the metadata's dpop_signing_alg_values_supported."
            }
            ProofFault::Key => {
                "The jwk in the header of the DPoP proof must be the public half alone of a strong key for signatures, of the kind that alg says."
            }
            ProofFault::Signature => "The DPoP proof is not signed by the key in its header.",
            ProofFault::Claims => {
                "A claim of the DPoP proof is missing or of another type: jti, htm, htu and iat must be there, each once."
            }
            ProofFault::Method => "The htm of the DPoP proof is another method than the request's.",
            ProofFault::Target => "The htu of the DPoP proof is another URL than the request's.",
            ProofFault::Time => {
                "The iat of the DPoP proof is too far from now; make a proof for each request, by a clock that is right."
            }
            ProofFault::OtherToken => {
                "The ath of the DPoP proof must be the SHA-256 of the access token that it is sent with, as base64url."
            }
            ProofFault::OtherKey => {
                "The access token is bound to another key than the DPoP proof is signed with."
            }
            ProofFault::Replayed => "The DPoP proof was used before; make a new one for each request.",
            ProofFault::NotBound => "The credential is bound to no key; send it as Bearer, without a proof.",
        }
    }
}

impl From<JwsFault> for ProofFault {
    fn from(fault: JwsFault) -> Self {
        match fault {
            JwsFault::Form | JwsFault::Critical => ProofFault::Form,
            JwsFault::Algorithm => ProofFault::Algorithm,
        }
    }
}

pub fn check(text: &str, sent: Sent<'_>, now: Timestamp) -> Result<Proof, ProofFault> {
    let jws = Jws::read(text, limits::DPOP_PROOF_BYTES, &SigningAlgorithm::ALL)?;
    if !jws.header.is_of_type(TYPE) {
        return Err(ProofFault::Type);
    }
    let key = jws.header.jwk.as_ref().and_then(|jwk| Jwk::read(jwk).ok()).ok_or(ProofFault::Key)?;
    if !key.serves(jws.header.algorithm) {
        return Err(ProofFault::Key);
    }
    if !jws.is_signed_by(key.key()) {
        return Err(ProofFault::Signature);
    }
    let claims = jws.claims().ok_or(ProofFault::Claims)?;
    if text_of(&claims, "htm")? != sent.method {
        return Err(ProofFault::Method);
    }
    if HttpTarget::parse(text_of(&claims, "htu")?).as_ref() != Ok(sent.target) {
        return Err(ProofFault::Target);
    }
    let proof = Proof::read(&claims, key.public.thumbprint())?;
    let age = (now.millis() / 1000).saturating_sub(proof.issued_at);
    if !(-limits::DPOP_AHEAD_SECONDS..=limits::DPOP_SECONDS).contains(&age) {
        return Err(ProofFault::Time);
    }
    Ok(proof)
}

/// What stands in a token that is bound to a key, for a proof to name it by (RFC 9449, 4.2).
pub fn hash_of_token(token: &str) -> String {
    base64url::encode(&sha256(&[token.as_bytes()]))
}

impl Proof {
    fn read(claims: &Map<String, Value>, thumbprint: String) -> Result<Self, ProofFault> {
        let optional = |name| match claims.get(name) {
            None => Ok(None),
            Some(_) => text_of(claims, name).map(|text| Some(text.to_owned())),
        };
        let id = text_of(claims, "jti")?;
        // whole seconds: neither a text nor a fraction
        let issued_at = claims.get("iat").and_then(Value::as_i64).ok_or(ProofFault::Claims)?;
        if id.is_empty() || id.len() > limits::DPOP_ID_BYTES {
            return Err(ProofFault::Claims);
        }
        let (nonce, token_hash) = (optional("nonce")?, optional("ath")?);
        Ok(Proof { thumbprint, nonce, id: id.to_owned(), issued_at, token_hash })
    }

    /// Whether it is sent with this token, which is bound to this key.
    pub fn is_for(&self, token: &str, bound_to: &str) -> Result<(), ProofFault> {
        if self.thumbprint != bound_to {
            return Err(ProofFault::OtherKey);
        }
        match self.token_hash.as_deref() == Some(hash_of_token(token).as_str()) {
            true => Ok(()),
            false => Err(ProofFault::OtherToken),
        }
    }

    /// What it is claimed by: ids of different keys are different ones.
    pub fn id(&self) -> String {
        format!("{}.{}", self.thumbprint, self.id)
    }

    /// From then on it is refused as one that is too old: its last second is whole.
    pub fn refused_from(&self) -> Timestamp {
        let seconds = self.issued_at.saturating_add(limits::DPOP_SECONDS + 1);
        Timestamp::from_millis(seconds.saturating_mul(1000)).unwrap_or_default()
    }
}

fn text_of<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<&'c str, ProofFault> {
    claims.get(name).and_then(Value::as_str).ok_or(ProofFault::Claims)
}

#[cfg(test)]
#[path = "dpop_test.rs"]
mod tests;
