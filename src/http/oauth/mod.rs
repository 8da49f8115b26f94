//! OAuth 2.0 for clients that speak for themselves: what they are given (RFC 6749, 4.4), what a token is worth (RFC 7662), giving
//! it back (RFC 7009), and where all of it is (RFC 8414).
//!
//! These routes speak RFC 6749's errors on every status: [`Problem::as_oauth`] names the error, and the middleware tells each
//! problem of theirs in that form.

mod assertion;
mod bound;
pub mod client;
mod form;
pub mod introspect;
pub mod metadata;
pub mod revoke;
pub mod token;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use serde_json::Value;

use super::problem::{Code, Problem};

/// The errors of RFC 6749, 5.2, RFC 8707, RFC 7009 and RFC 9449.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthError {
    InvalidRequest,
    InvalidClient,
    InvalidScope,
    InvalidTarget,
    UnsupportedGrantType,
    InvalidDpopProof,
    UseDpopNonce,
}

impl OAuthError {
    fn word(self) -> &'static str {
        match self {
            OAuthError::InvalidRequest => "invalid_request",
            OAuthError::InvalidClient => "invalid_client",
            OAuthError::InvalidScope => "invalid_scope",
            OAuthError::InvalidTarget => "invalid_target",
            OAuthError::UnsupportedGrantType => "unsupported_grant_type",
            OAuthError::InvalidDpopProof => "invalid_dpop_proof",
            OAuthError::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// What a client did wrong, in words that repeat nothing of what it sent.
    pub fn because(self, detail: &'static str) -> Problem {
        let code = match self {
            OAuthError::InvalidClient => Code::Unauthorized,
            _ => Code::InvalidRequest,
        };
        Problem::new(code, detail).as_oauth(self.word())
    }
}

/// One answer for every client that is not let in: unknown, with a wrong secret, or not allowed at present. Which of these it is
/// nobody learns here.
pub fn invalid_client() -> Problem {
    const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"credledger\"");
    OAuthError::InvalidClient
        .because("the client is unknown, what it shows is not its own, or it may not be used now")
        .with_header(header::WWW_AUTHENTICATE, CHALLENGE)
}

/// Never kept by anybody on the way.
fn answer(body: &Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}
