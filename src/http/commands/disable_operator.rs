//! DELETE /operators/{id}: an operator is disabled, and its history stays

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::operator::{Disable, OperatorCommand};
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let id = write.operator(&path)?;
    let body = write.no_body(payload).await?;
    let disable = Disable { other_roots: write.other_roots(id) };
    write.on_operator(id, vec![OperatorCommand::Disable(disable)], &body.parse()?).await
}
