//! Whether an ID token says what it says (OpenID Connect Core, 3.1.3.7). A pure function of the token, the keys, what was asked
//! for and the instant. Which algorithm it may be signed with is ours to say, never the token's.

use serde_json::{Map, Value};

use super::jwks::KeySet;
use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::limits;
use crate::tokens::jws::{Jws, JwsFault};
use crate::vault::SigningAlgorithm;

/// What the token is held against.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// that came in the same answer
    pub access_token: Option<&'a str>,
    pub algorithms: &'a [SigningAlgorithm],
    /// any one of these must be its `acr`; none: it need not say
    pub acr: &'a [String],
    /// all methods of any one of these must be in its `amr`
    pub amr: &'a [Vec<String>],
    /// how long ago the person may have signed in at the provider
    pub max_age_seconds: Option<u32>,
    pub now: Timestamp,
}

/// What is wrong with a token, for the log. Never shown to a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    Form,
    Algorithm,
    Critical,
    /// maybe one that the provider has come by since its keys were read
    UnknownKey,
    Signature,
    Claims,
    Issuer,
    Audience,
    AuthorizedParty,
    Expired,
    NotYet,
    /// issued too long ago, or later than now: the clocks disagree, or it is not of this sign-in
    IssuedAt,
    Nonce,
    AccessToken,
    Acr,
    Amr,
    AuthTime,
}

impl TokenFault {
    pub fn detail(self) -> &'static str {
        match self {
            TokenFault::Form => "the ID token is no signed JWT of bearable length",
            TokenFault::Algorithm => {
                "the ID token is signed with an algorithm that is not accepted; have the provider sign this client's tokens \
                 with RS256, PS256, ES256, ES384 or EdDSA"
            }
            TokenFault::Critical => "the ID token demands an extension (crit) that is not known here",
            TokenFault::UnknownKey => {
                "the ID token is signed with a key that is not in the provider's jwks_uri"
            }
            TokenFault::Signature => "the ID token's signature does not hold",
            TokenFault::Claims => "the ID token lacks iss, sub, aud, exp or iat, or has them in another form",
            TokenFault::Issuer => "the ID token is of another issuer than oidc_issuer",
            TokenFault::Audience => "the ID token is for another client than oidc_client_id",
            TokenFault::AuthorizedParty => {
                "the ID token was given to another client (azp) than oidc_client_id"
            }
            TokenFault::Expired => "the ID token has expired; if it came just now, the clocks disagree",
            TokenFault::NotYet => "the ID token is not valid yet (nbf); the clocks disagree",
            TokenFault::IssuedAt => {
                "the ID token was issued (iat) too long ago or later than now; the clocks of provider and database disagree"
            }
            TokenFault::Nonce => "the ID token is not of this sign-in: its nonce is another one",
            TokenFault::AccessToken => "the ID token's at_hash is not of the access token that came with it",
            TokenFault::Acr => "the provider did not sign the person in as demanded: acr is none of oidc_acr",
            TokenFault::Amr => {
                "the provider did not sign the person in as demanded: amr has none of oidc_amr"
            }
            TokenFault::AuthTime => {
                "the person signed in at the provider longer ago than oidc_max_age_seconds, or auth_time is absent"
            }
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

/// Claims of a token that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    pub subject: String,
    pub all: Map<String, Value>,
}

pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, TokenFault> {
    let jws = Jws::read(token, limits::ID_TOKEN_BYTES, expected.algorithms)?;
    let claims = signed_claims(&jws, keys)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss").ok_or(TokenFault::Claims)? != expected.issuer {
        return Err(TokenFault::Issuer);
    }
    audience(&claims, expected.client_id)?;
    times(&claims, expected.now)?;
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenFault::Nonce);
    }
    if let Some(hash) = claims.get("at_hash") {
        access_token(hash, jws.header.algorithm, expected.access_token)?;
    }
    how_signed_in(&claims, expected)?;
    let subject = text("sub").filter(|subject| (1..=limits::SUBJECT_BYTES).contains(&subject.len()));
    let subject = subject.ok_or(TokenFault::Claims)?.to_owned();
    Ok(Claims { subject, all: claims })
}

fn signed_claims(jws: &Jws<'_>, keys: &KeySet) -> Result<Map<String, Value>, TokenFault> {
    let candidates = keys.candidates(jws.header.kid.as_deref(), jws.header.algorithm);
    if candidates.is_empty() {
        return Err(TokenFault::UnknownKey);
    }
    if !candidates.iter().any(|key| jws.is_signed_by(key)) {
        return Err(TokenFault::Signature);
    }
    jws.claims().ok_or(TokenFault::Claims)
}

fn audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), TokenFault> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Err(TokenFault::Claims),
    };
    if !audiences.contains(&client_id) {
        return Err(TokenFault::Audience);
    }
    let party = claims.get("azp").map(|party| party.as_str() == Some(client_id));
    match party {
        Some(true) => Ok(()),
        // With several audiences somebody has to be the one it was given to.
        None if audiences.len() == 1 => Ok(()),
        Some(false) | None => Err(TokenFault::AuthorizedParty),
    }
}

/// A NumericDate in milliseconds; whole seconds and fractions alike.
fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, TokenFault> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds));
    Ok(Some((seconds.ok_or(TokenFault::Claims)? * 1000.0) as i64))
}

fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), TokenFault> {
    let (now, leeway) = (now.millis(), millis(limits::PROVIDER_LEEWAY));
    let expires = instant(claims, "exp")?.ok_or(TokenFault::Claims)?;
    let issued = instant(claims, "iat")?.ok_or(TokenFault::Claims)?;
    if now >= expires.saturating_add(leeway) {
        return Err(TokenFault::Expired);
    }
    if instant(claims, "nbf")?.is_some_and(|not_before| not_before > now + leeway) {
        return Err(TokenFault::NotYet);
    }
    // It was made for this sign-in, which did not begin longer ago than one may take.
    let earliest = now - millis(limits::SIGN_IN_LIFE) - leeway;
    if issued > now + leeway || issued < earliest {
        return Err(TokenFault::IssuedAt);
    }
    Ok(())
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn access_token(
    hash: &Value,
    algorithm: SigningAlgorithm,
    access_token: Option<&str>,
) -> Result<(), TokenFault> {
    let own = access_token.map(|token| base64url::encode(&algorithm.half_hash(token.as_bytes())));
    if own.is_some() && hash.as_str() == own.as_deref() { Ok(()) } else { Err(TokenFault::AccessToken) }
}

fn how_signed_in(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenFault> {
    let acr = claims.get("acr").and_then(Value::as_str);
    if !expected.acr.is_empty() && !acr.is_some_and(|acr| expected.acr.iter().any(|one| one == acr)) {
        return Err(TokenFault::Acr);
    }
    let methods: Vec<&str> =
        claims.get("amr").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let has_all = |wanted: &Vec<String>| wanted.iter().all(|method| methods.contains(&method.as_str()));
    if !expected.amr.is_empty() && !expected.amr.iter().any(has_all) {
        return Err(TokenFault::Amr);
    }
    let Some(max_age) = expected.max_age_seconds else { return Ok(()) };
    let signed_in = instant(claims, "auth_time")?.ok_or(TokenFault::AuthTime)?;
    let latest = signed_in + i64::from(max_age) * 1000 + millis(limits::PROVIDER_LEEWAY);
    if latest < expected.now.millis() { Err(TokenFault::AuthTime) } else { Ok(()) }
}

#[cfg(test)]
#[path = "id_token_test.rs"]
mod tests;
