//! DELETE /operators/{id}/tokens/{token}

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write, render};
use crate::domain::command::Command;
use crate::domain::ids::TokenId;
use crate::domain::operator::{OperatorCommand, RevokeToken};
use crate::http::problem::Problem;
use crate::http::resources;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = write.operator(&path.0)?;
    let token: TokenId = path.1.parse().map_err(|_| Problem::not_found())?;
    let body = write.no_body(payload).await?;
    let render = render("token", 200, move |state, now| {
        state.operator()?.token(token).map(|token| resources::operator::token(token, now))
    });
    let command = Command::Operator(vec![OperatorCommand::RevokeToken(RevokeToken { token })]);
    let order = write.order(id.into(), command, &body.parse()?, render)?;
    write.carry_out(order, Told::ENFORCED).await
}
