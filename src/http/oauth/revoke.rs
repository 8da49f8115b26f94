//! POST /api/v1/oauth/revoke: a client gives back a token of its own (RFC 7009). Whatever else it sends is no token of its own,
//! and answered alike; 200 is told only once it is durable and enforced.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, json};

use super::client::ClientShown;
use super::form::{self, Form};
use super::{OAuthError, answer};
use crate::domain::Caller;
use crate::domain::access_token::Revoke;
use crate::domain::credential::Reason;
use crate::domain::event::Actor;
use crate::domain::ids::{AccessTokenId, CredentialId};
use crate::http::app::App;
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::ledger::execute::{Answer, Order};
use crate::limits;
use crate::tokens::claims::Claims;

pub async fn handle(
    app: Data<App>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let body = form::body(&request, payload).await?;
    let form = Form::read(&body)?;
    let credential = {
        let client = ClientShown::read(&request, &form)?.let_in(&app, &request, Door::Client).await?;
        client.known()?.credential_id
    };
    let Some(text) = form.one("token") else {
        return Err(OAuthError::InvalidRequest.because("token is missing; send the token that is to end"));
    };
    if let Some(claims) = own_token(&app, credential, text).await? {
        app.may_give_back(claims.credential)?;
        let caller = Caller {
            actor: Actor::Holder(claims.credential.0),
            client_ip: app.client_ip(&request),
            request_id: context.request_id.as_str().to_owned(),
        };
        let executed = app.ledger.execute(order(&claims, caller)).await?;
        if !executed.enforced {
            return Err(Problem::unavailable(
                limits::RETRY_AFTER_SECONDS,
                "the revocation stands and is not in force everywhere yet; send it again",
            ));
        }
    }
    Ok(answer(&json!({})))
}

/// What the text says, when it is a token that this client was given.
async fn own_token(app: &App, credential: CredentialId, text: &str) -> Result<Option<Claims>, Problem> {
    let claims = app.token_claims(text).await?;
    Ok(claims.filter(|claims| claims.credential == credential))
}

/// RFC 7009 has no word for why: a client says so of a token that it needs no longer (its section 1).
fn order(claims: &Claims, caller: Caller) -> Order {
    let (token, credential) = (AccessTokenId(claims.id), claims.credential);
    let (reason, note) = (Reason::Unused, None);
    let revoke = Revoke { token, credential, ends_at: claims.ends_at(), reason, note };
    Order {
        render: Arc::new(|_, _, _| Answer { status: 200, body: Map::new() }),
        ..Order::of_token(claims.tenant, revoke, caller)
    }
}
