//! POST …/keys/{id}/rotate

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, Rotate};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::http::{API_ADMIN, fields};

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
    let body = write.body(payload, Wants::JsonOrNothing).await?;
    let document = body.parse()?;
    let rotate = read(&document)?;
    let render = write.render_key(tenant.id, 201).await?;
    let command = Command::Credential(tenant.id, vec![CredentialCommand::Rotate(rotate)]);
    let order = write.order(credential.into(), command, &document, render)?;
    let location = Some(format!("{API_ADMIN}/tenants/{}/keys/{credential}", tenant.id));
    write.carry_out(order, Told { location, ..Told::ENFORCED }).await
}

fn read(document: &Document<'_>) -> Result<Rotate, Problem> {
    document.decode(|members| {
        let grace_seconds = members.optional("grace_seconds", fields::seconds);
        Some(Rotate { grace_seconds: grace_seconds? })
    })
}
