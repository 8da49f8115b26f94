//! A token, from what was granted. Whether it may be is decided before this.

use uuid::Uuid;

use super::claims::Claims;
use super::keyring::Signer;
use crate::clock::Timestamp;
use crate::domain::grant::Granted;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::limits;

/// The `typ` of every access token (RFC 9068, 2.1).
pub const TYPE: &str = "at+jwt";

/// Whom it is given to.
#[derive(Clone, Debug)]
pub struct Holder<'a> {
    pub client_id: &'a str,
    pub tenant: TenantId,
    pub credential: CredentialId,
    pub secret: SecretId,
    pub client_version: u32,
    /// the thumbprint of the key that the token is bound to
    pub bound_to: Option<&'a str>,
}

/// Shown once. Without Debug.
pub struct Minted {
    pub token: String,
    pub claims: Claims,
}

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMinted {
    /// a claim is out of its bounds: no lifetime, no audience, too many of them
    Claims,
    /// so much was granted that no proxy would carry the token; grant less
    TooLong,
    /// the key's own arithmetic failed
    NotSigned,
}

/// `id` is a fresh UUIDv7 of now.
pub fn mint(
    signer: &Signer,
    issuer: &str,
    holder: &Holder<'_>,
    granted: &Granted,
    id: Uuid,
    now: Timestamp,
) -> Result<Minted, NotMinted> {
    let issued_at = now.millis() / 1000;
    let claims = Claims {
        issuer: issuer.to_owned(),
        client_id: holder.client_id.to_owned(),
        audience: granted.audience.clone(),
        scope: granted.scope.clone(),
        tenant: holder.tenant,
        credential: holder.credential,
        secret: holder.secret,
        client_version: holder.client_version,
        issued_at,
        expires_at: issued_at + i64::from(granted.lifetime_seconds),
        id,
        bound_to: holder.bound_to.map(str::to_owned),
    };
    if granted.scope.len() > limits::ACCESS_TOKEN_BYTES {
        return Err(NotMinted::TooLong);
    }
    if !claims.are_sound() {
        return Err(NotMinted::Claims);
    }
    let token = signer.signed(TYPE, &claims.members()).map_err(|_| NotMinted::NotSigned)?;
    match token.len() <= limits::ACCESS_TOKEN_BYTES {
        true => Ok(Minted { token, claims }),
        false => Err(NotMinted::TooLong),
    }
}
