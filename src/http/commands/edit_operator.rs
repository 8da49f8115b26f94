//! PATCH /operators/{id}: disable and enable

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Disable, Enable, OperatorCommand};
use crate::http::app::App;
use crate::http::body::Wants;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ManageOperators)?;
    let write = Write { app, operator, request, context };
    let id: OperatorId = path.parse().map_err(|_| Problem::not_found())?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = body.parse()?;
    let disabled = document.decode(|members| members.required("disabled", |switch| switch.boolean()))?;
    let command = if disabled { OperatorCommand::Disable(Disable) } else { OperatorCommand::Enable(Enable) };
    let render = render("operator", 200, |state, now| {
        state.operator().map(|each| resources::operator::operator(each, now))
    });
    let order = write.order(id.into(), Command::Operator(command), &document, render)?;
    write.carry_out(order, Told::ENFORCED).await
}
