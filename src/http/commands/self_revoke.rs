//! POST /api/v1/self/revoke: whoever holds a secret may end it, from anywhere. The active secret takes the credential with
//! it, an expiring one only itself; and an access token ends itself alone.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, json};

use super::{Told, answer};
use crate::domain::Caller;
use crate::domain::access::Reason as Refusal;
use crate::domain::access_token;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, Reason, SelfRevoke};
use crate::domain::event::Actor;
use crate::http::app::App;
use crate::http::body::{JsonBody, Wants};
use crate::http::fields;
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::http::whoami::judge_bearer;
use crate::ledger::execute::{Answer, Order};
use crate::projections::active::{Issued, Known};

pub async fn handle(
    app: Data<App>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    // Who asks is known before anything is read. Whether the secret still lives is decided with the command.
    let known = living(&app, &request).await?;
    let body = JsonBody::read(&request, payload, Wants::JsonOrNothing).await?;
    let document = body.parse()?;
    let revoke = document.decode(|members| {
        let reason = members.optional("reason", fields::reason);
        let note = members.nullable("note", fields::note);
        Some(SelfRevoke { secret: known.secret_id, reason: reason?.unwrap_or(Reason::Other), note: note? })
    })?;
    let caller = Caller {
        actor: Actor::Holder(known.credential_id.0),
        client_ip: app.client_ip(&request),
        request_id: context.request_id.as_str().to_owned(),
    };
    let order = match &known.token {
        None => order(&known, revoke, caller),
        Some(token) => {
            app.may_give_back(known.credential_id)?;
            token_order(&known, token, revoke, caller)
        }
    };
    let executed = app.ledger.execute(order).await?;
    Ok(answer(executed, Told::ENFORCED))
}

/// Who holds a secret that lives, whatever else it may not do at present.
async fn living(app: &App, request: &HttpRequest) -> Result<Known, Problem> {
    let judged = judge_bearer(app, request, Door::SelfRevoke).await?;
    let dead = |reason| {
        matches!(
            reason,
            Refusal::Malformed
                | Refusal::NotFound
                | Refusal::Revoked
                | Refusal::RotatedOut
                | Refusal::Expired
                // who can't show that it is theirs holds nothing
                | Refusal::ProofMissing
                | Refusal::ProofInvalid
        )
    };
    if let Some(refused) = judged.refused().filter(|refused| dead(refused.reason)) {
        return Err(app.failed(app.client_ip(request), judged.problem(refused)));
    }
    let known = judged.judgement.known.ok_or_else(|| Problem::internal("a living secret is known"))?;
    Ok(known.kept())
}

fn token_order(known: &Known, token: &Issued, said: SelfRevoke, caller: Caller) -> Order {
    let SelfRevoke { reason, note, .. } = said;
    let (credential, ends_at) = (known.credential_id, token.ends_at);
    let revoke = access_token::Revoke { token: token.id, credential, ends_at, reason, note };
    let body = [
        ("revoked".to_owned(), json!("token")),
        ("credential_id".to_owned(), json!(known.credential_id)),
        ("secret_id".to_owned(), json!(known.secret_id)),
        ("jti".to_owned(), json!(token.id)),
    ];
    let body = Map::from_iter(body);
    Order {
        render: Arc::new(move |_, _, _| Answer { status: 200, body: body.clone() }),
        ..Order::of_token(known.tenant_id, revoke, caller)
    }
}

fn order(known: &Known, revoke: SelfRevoke, caller: Caller) -> Order {
    let (credential_id, secret_id) = (known.credential_id, known.secret_id);
    let command = Command::Credential(known.tenant_id, None, vec![CredentialCommand::SelfRevoke(revoke)]);
    Order {
        render: Arc::new(move |state, _, _| {
            let whole = state.credential().is_some_and(|credential| credential.revoked.is_some());
            let body = [
                ("revoked".to_owned(), json!(if whole { "credential" } else { "secret" })),
                ("credential_id".to_owned(), json!(credential_id)),
                ("secret_id".to_owned(), json!(secret_id)),
            ];
            Answer { status: 200, body: Map::from_iter(body) }
        }),
        ..Order::of(credential_id.into(), command, caller)
    }
}
