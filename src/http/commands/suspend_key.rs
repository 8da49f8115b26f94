//! POST …/keys/{id}/suspend

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::credential::{CredentialCommand, Suspend};
use crate::http::app::App;

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
    let body = write.no_body(payload).await?;
    let actions = vec![CredentialCommand::Suspend(Suspend)];
    write.on_key((tenant.id, credential), actions, &body.parse()?, Told::ENFORCED).await
}
