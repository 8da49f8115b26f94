//! A proof at the token endpoint (RFC 9449, 5): the token that is asked for is bound to the key that made it. The endpoint always has
//! a proof repeat a nonce (8), so that none can be made ahead by somebody who has the key for a moment.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;

use super::{OAuthError, invalid_client};
use crate::clock::Timestamp;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::proof::{DPOP_NONCE, Showing, proof as carried};
use crate::http::verdict::{Asking, Shown};
use crate::projections::active::Known;
use crate::tokens::dpop::{self, Proof, ProofFault, Sent};
use crate::tokens::nonce;

/// The proof that a client sends: one that has to, or one that chooses to. It is asked for once the client is let in, so that nobody
/// else has signatures looked at.
pub fn proof(app: &App, request: &HttpRequest, known: &Known) -> Result<Option<Proof>, Problem> {
    let demanded = known.client().is_some_and(|client| client.registration.dpop_bound_access_tokens);
    let text = match carried(request) {
        Err(ProofFault::Absent) if !demanded => return Ok(None),
        carried => carried.map_err(invalid)?,
    };
    let proof = checked(app, request, text).map_err(invalid)?;
    repeats_nonce(app, &proof)?;
    Ok(Some(proof))
}

/// Whether a proof that holds lacks nothing but the nonce. It is asked before an assertion is used up, so that the same one serves
/// for the next proof. Whatever else is wrong is told by [`proof`], once the assertion is claimed: whoever shows one again learns by
/// this nothing but that its client is let in, as by a spent rate limit.
pub fn tells_nonce(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    match carried(request).and_then(|text| checked(app, request, text)) {
        Ok(proof) => repeats_nonce(app, &proof),
        Err(_) => Ok(()),
    }
}

fn checked(app: &App, request: &HttpRequest, text: &str) -> Result<Proof, ProofFault> {
    let target = app.target_of(request)?;
    dpop::check(
        text,
        Sent { method: request.method().as_str(), target: &target },
        app.of_the_ledger(app.now()),
    )
}

fn repeats_nonce(app: &App, proof: &Proof) -> Result<(), Problem> {
    let now = app.of_the_ledger(app.now());
    match proof.nonce.as_deref().is_some_and(|nonce| nonce::holds(app.ledger.vault(), nonce, now)) {
        true => Ok(()),
        false => Err(OAuthError::UseDpopNonce
            .because(
                "the DPoP proof must repeat the nonce of this answer's DPoP-Nonce; make a new one with it",
            )
            .with_header(DPOP_NONCE, fresh_nonce(app, now))),
    }
}

pub async fn claim(app: &App, known: &Known, proof: &Proof) -> Result<(), Problem> {
    match app.claim_proof(known, proof).await? {
        true => Ok(()),
        false => Err(invalid(ProofFault::Replayed)),
    }
}

/// Whether a token that was made before a wait may still leave: its client is judged anew, as it is now.
pub async fn may_leave(app: &App, request: &HttpRequest, token: &str) -> Result<(), Problem> {
    let asking = Asking::at_all(Shown::Text(token), Showing::NotAsked, app.client_ip(request));
    match app.would_accept(&asking).await? {
        true => Ok(()),
        false => Err(invalid_client()),
    }
}

pub fn fresh_nonce(app: &App, now: Timestamp) -> HeaderValue {
    let nonce = nonce::fresh(app.ledger.vault(), now);
    HeaderValue::from_str(&nonce).unwrap_or(HeaderValue::from_static(""))
}

fn invalid(fault: ProofFault) -> Problem {
    OAuthError::InvalidDpopProof.because(fault.detail())
}
