//! PATCH /operators/{id}: disable and enable

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Disable, Enable, OperatorCommand};
use crate::http::body::Wants;
use crate::http::problem::Problem;
use crate::http::resources;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageOperators)?;
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
