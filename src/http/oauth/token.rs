//! POST /api/v1/oauth/token: a client exchanges its secret for a token (RFC 6749, 4.4). No refresh tokens: it asks again.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::client::{ClientShown, LetIn};
use super::form::{self, Form};
use super::{OAuthError, answer, invalid_client};
use crate::clock::Timestamp;
use crate::domain::credential::{Registration, Resource};
use crate::domain::scope::{Scope, covers};
use crate::http::app::{App, not_answering};
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::limits;
use crate::projections::active::Known;
use crate::tokens::keyring::{NoSigner, Signer};
use crate::tokens::mint::{self, Grant, Minted, NotMinted};

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
    match form.one("grant_type") {
        Some(GRANT_TYPE) => {}
        Some(_) => {
            return Err(
                OAuthError::UnsupportedGrantType.because("the only grant_type here is client_credentials")
            );
        }
        None => {
            return Err(OAuthError::InvalidRequest
                .because("grant_type is missing; send grant_type=client_credentials"));
        }
    }
    let known = client.known()?;
    let scope = scope(form.one("scope"), known)?;
    let audience = audience(&app, form.all("resource"), known)?;
    let minted = minted(&app, &*signer.map_err(no_signer)?, &client, &scope, &audience)?;
    let mut told = json!({
        "access_token": minted.token,
        "token_type": "Bearer",
        "expires_in": minted.claims.expires_at - minted.claims.issued_at,
    });
    if !minted.claims.scope.is_empty() {
        told["scope"] = json!(minted.claims.scope);
    }
    let mut response = answer(&told);
    client.judged.tell_limit(response.headers_mut());
    Ok(response)
}

/// What is asked for, each once, in that order; all that the client has when nothing is.
fn scope(asked: Option<&str>, known: &Known) -> Result<String, Problem> {
    let beyond =
        || OAuthError::InvalidScope.because("a scope that was asked for is none, or is beyond the client's");
    let Some(asked) = asked else {
        return Ok(known.scopes().iter().map(Scope::as_str).collect::<Vec<_>>().join(" "));
    };
    let words = asked.split(' ').filter(|word| !word.is_empty());
    let scopes = words.map(Scope::parse).collect::<Result<Vec<_>, _>>().map_err(|_| beyond())?;
    let has = |scopes: &[Scope], scope: &Scope| scopes.iter().any(|own| covers(own, scope));
    let owner = known.owner.as_deref();
    let granted =
        |scope: &Scope| has(known.scopes(), scope) && owner.is_none_or(|owner| has(&owner.scopes, scope));
    if scopes.is_empty() || scopes.len() > limits::SCOPES || !scopes.iter().all(granted) {
        return Err(beyond());
    }
    let mut once: Vec<&str> = Vec::with_capacity(scopes.len());
    for scope in &scopes {
        if !once.contains(&scope.as_str()) {
            once.push(scope.as_str());
        }
    }
    Ok(once.join(" "))
}

/// Whom the token is for: the resources asked for, of those that the client is registered for when it is for any.
fn audience<'f>(
    app: &App,
    asked: impl Iterator<Item = &'f str>,
    known: &Known,
) -> Result<Vec<String>, Problem> {
    let refuse = |detail| Err(OAuthError::InvalidTarget.because(detail));
    let registered: &[Resource] = match known.client().map(|client| &client.registration) {
        Some(Registration { resources, .. }) => resources,
        None => return Err(invalid_client()),
    };
    let mut audience = Vec::new();
    for text in asked {
        let Ok(resource) = Resource::parse(text) else {
            return refuse("a resource is no absolute URI without a fragment");
        };
        if !registered.is_empty() && !registered.contains(&resource) {
            return refuse("a resource is none of those that the client is registered for");
        }
        let resource = String::from(resource);
        if audience.contains(&resource) {
            continue;
        }
        if audience.len() == limits::AUDIENCES {
            return refuse("too many resources; ask for a token for each");
        }
        audience.push(resource);
    }
    if audience.is_empty() {
        audience.push(app.issuer().to_owned());
    }
    Ok(audience)
}

fn minted(
    app: &App,
    signer: &Signer,
    client: &LetIn,
    scope: &str,
    audience: &[String],
) -> Result<Minted, Problem> {
    let (known, now) = (client.known()?, client.judged.judgement.judged_at);
    let tenant = app.view.tenant(known.tenant_id).map_err(|_| not_answering())?;
    let lifetime = tenant.map(|tenant| tenant.token_lifetime_seconds).ok_or_else(invalid_client)?;
    let grant = Grant {
        issuer: app.issuer(),
        client_id: &client.id,
        audience,
        scope,
        tenant: known.tenant_id,
        credential: known.credential_id,
        secret: known.secret_id,
        client_version: known.version,
        lifetime_seconds: within_its_life(lifetime, known, now)?,
    };
    let id = app.ledger.vault().uuid(now.millis());
    mint::mint(signer, &grant, id, now).map_err(|fault| match fault {
        NotMinted::TooLong => too_long(scope, audience),
        NotMinted::Claims | NotMinted::NotSigned => {
            Problem::internal(format!("no token was made: {fault:?}"))
        }
    })
}

/// Of what there is more is what there is too much of.
fn too_long(scope: &str, audience: &[String]) -> Problem {
    if audience.iter().map(String::len).sum::<usize>() > scope.len() {
        return OAuthError::InvalidTarget
            .because("so many resources make a token too long for a header; ask for fewer");
    }
    OAuthError::InvalidScope.because("so many scopes make a token too long for a header; ask for fewer")
}

/// In whole seconds, as a token counts them, and never beyond the client's own end.
fn within_its_life(lifetime: u32, known: &Known, now: Timestamp) -> Result<u32, Problem> {
    let Some(end) = known.expires_at else { return Ok(lifetime) };
    let left = end.millis() / 1000 - now.millis() / 1000;
    // In the last second of its life a client is let in and can be given nothing.
    let left = u32::try_from(left).ok().filter(|left| *left > 0).ok_or_else(invalid_client)?;
    Ok(lifetime.min(left))
}

fn no_signer(cause: NoSigner) -> Problem {
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, "no token can be signed just now; ask again")
        .with_cause(cause)
}
