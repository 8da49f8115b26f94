//! POST …/keys/{id}/revoke, and DELETE …/keys/{id}, which is a revocation for the reason `deleted`

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::credential::{CredentialCommand, Reason, Revoke};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (tenant, credential) = operator.credential(&app, (&path.0, &path.1), Action::ChangeCredentials)?;
    let write = Write { app, operator, request, context };
    let body = write.body(payload, Wants::Json).await?;
    let document = body.parse()?;
    let (revoke, wait) = read(&document)?;
    let actions = vec![CredentialCommand::Revoke(revoke)];
    write.on_key((tenant.id, credential), actions, &document, Told { wait, ..Told::ENFORCED }).await
}

pub async fn delete(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (tenant, credential) = operator.credential(&app, (&path.0, &path.1), Action::ChangeCredentials)?;
    let write = Write { app, operator, request, context };
    let body = write.no_body(payload).await?;
    let actions = vec![CredentialCommand::Revoke(Revoke { reason: Reason::Deleted, note: None })];
    write.on_key((tenant.id, credential), actions, &body.parse()?, Told::ENFORCED).await
}

/// The revocation, and whether the caller waits for it to be enforced.
fn read(document: &Document<'_>) -> Result<(Revoke, bool), Problem> {
    document.decode(|members| {
        let reason = members.required("reason", fields::reason);
        let note = members.nullable("note", fields::note);
        let wait = members.optional("wait", |word| word.one_of(&[("enforced", true), ("none", false)]));
        Some((Revoke { reason: reason?, note: note? }, wait?.unwrap_or(true)))
    })
}
