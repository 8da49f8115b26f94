//! POST /api/v1/oauth/token: a client exchanges its secret for a token (RFC 6749, 4.4). No refresh tokens: it asks again.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::client::{ClientShown, LetIn};
use super::form::{self, Form};
use super::{OAuthError, answer, bound, invalid_client};
use crate::clock::Timestamp;
use crate::domain::grant::{Asked, Entitled, Granted, NotGranted};
use crate::http::app::{App, no_signer, not_answering};
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::proof::DPOP_NONCE;
use crate::projections::active::Known;
use crate::tokens::keyring::Signer;
use crate::tokens::mint::{self, Holder, Minted, NotMinted};

const GRANT_TYPE: &str = "client_credentials";

pub async fn handle(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let body = form::body(&request, payload).await?;
    let form = Form::read(&body)?;
    // Whatever has to be waited for comes before the verdict: from there on the token leaves at once, within the lease.
    let signer = app.keyring.signer(app.now()).await;
    let client = ClientShown::read(&request, &form)?.let_in(&app, &request, Door::Token).await?;
    if let Some(problem) = client.judged.refusal() {
        return Err(problem);
    }
    is_of_the_grant(&form)?;
    let asked = Asked { scope: form.one("scope"), resources: form.all("resource").collect() };
    let granted = granted(&app, client.known()?, &asked, client.judged.judgement.judged_at)?;
    let proof = bound::proof(&app, &request, client.known()?)?;
    if let Some(proof) = &proof {
        bound::claim(&app, client.known()?, proof).await?;
    }
    let bound_to = proof.as_ref().map(|proof| proof.thumbprint.as_str());
    let signer = signer.and_then(|signer| app.keyring.still(signer)).map_err(no_signer)?;
    let minted = minted(&app, &signer, &client, bound_to, &granted)?;
    if proof.is_some() {
        bound::may_leave(&app, &request, &minted.token).await?;
    }
    let mut response = answer(&told(&minted));
    client.judged.tell_limit(response.headers_mut());
    if proof.is_some() {
        response.headers_mut().insert(DPOP_NONCE, bound::fresh_nonce(&app, app.now()));
    }
    Ok(response)
}

fn is_of_the_grant(form: &Form<'_>) -> Result<(), Problem> {
    match form.one("grant_type") {
        Some(GRANT_TYPE) => Ok(()),
        Some(_) => {
            Err(OAuthError::UnsupportedGrantType.because("the only grant_type here is client_credentials"))
        }
        None => {
            Err(OAuthError::InvalidRequest
                .because("grant_type is missing; send grant_type=client_credentials"))
        }
    }
}

/// RFC 6749, 5.1.
fn told(minted: &Minted) -> Value {
    let claims = &minted.claims;
    let mut told = json!({
        "access_token": minted.token,
        "token_type": claims.token_type(),
        "expires_in": claims.expires_at - claims.issued_at,
    });
    if !claims.scope.is_empty() {
        told["scope"] = json!(claims.scope);
    }
    told
}

fn granted(app: &App, known: &Known, asked: &Asked<'_>, now: Timestamp) -> Result<Granted, Problem> {
    let tenant = app.view.tenant(known.tenant_id).map_err(|_| not_answering())?;
    // Whose client or tenant went away since the verdict is let in no more.
    let (Some(client), Some(tenant)) = (known.client(), tenant) else { return Err(invalid_client()) };
    let entitled = Entitled {
        scopes: known.scopes(),
        owner_scopes: known.owner.as_deref().map(|owner| &*owner.scopes),
        resources: &client.registration.resources,
        expires_at: known.expires_at,
        issuer: app.issuer(),
        lifetime_seconds: tenant.token_lifetime_seconds,
    };
    entitled.grant(asked, now).map_err(|fault| match fault {
        NotGranted::Scope => {
            OAuthError::InvalidScope.because("a scope that was asked for is none, or is beyond the client's")
        }
        NotGranted::NotAResource => {
            OAuthError::InvalidTarget.because("a resource is no absolute URI without a fragment")
        }
        NotGranted::OtherResource => {
            OAuthError::InvalidTarget.because("a resource is none of those that the client is registered for")
        }
        NotGranted::TooManyResources => {
            OAuthError::InvalidTarget.because("too many resources; ask for a token for each")
        }
        NotGranted::Over => invalid_client(),
    })
}

fn minted(
    app: &App,
    signer: &Signer,
    client: &LetIn,
    bound_to: Option<&str>,
    granted: &Granted,
) -> Result<Minted, Problem> {
    let (known, now) = (client.known()?, client.judged.judgement.judged_at);
    let holder = Holder {
        client_id: &client.id,
        tenant: known.tenant_id,
        credential: known.credential_id,
        secret: known.secret_id,
        client_version: known.version,
        bound_to,
    };
    let id = app.ledger.vault().uuid(now.millis());
    mint::mint(signer, app.issuer(), &holder, granted, id, now).map_err(|fault| match fault {
        NotMinted::TooLong => too_long(granted),
        NotMinted::Claims | NotMinted::NotSigned => {
            Problem::internal(format!("no token was made: {fault:?}"))
        }
    })
}

/// Of what there is more is what there is too much of.
fn too_long(granted: &Granted) -> Problem {
    if granted.audience.iter().map(String::len).sum::<usize>() > granted.scope.len() {
        return OAuthError::InvalidTarget
            .because("so many resources make a token too long for a header; ask for fewer");
    }
    OAuthError::InvalidScope.because("so many scopes make a token too long for a header; ask for fewer")
}
