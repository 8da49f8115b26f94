//! POST …/keys/{id}/secrets/{sid}/revoke: close a grace window

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::credential::{CredentialCommand, RevokeSecret};
use crate::domain::ids::SecretId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String, String)>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (tenant, credential) = operator.credential(&app, (&path.0, &path.1), Action::ChangeCredentials)?;
    let secret: SecretId = path.2.parse().map_err(|_| Problem::not_found())?;
    let write = Write { app, operator, request, context };
    let body = write.no_body(payload).await?;
    let actions = vec![CredentialCommand::RevokeSecret(RevokeSecret { secret })];
    write.on_key((tenant.id, credential), actions, &body.parse()?, Told::ENFORCED).await
}
