//! POST …/members/{id}/enable: its keys are judged by their own state again

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::member::{Enable, MemberCommand};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let member = write.member(&path.0, &path.1)?;
    let body = write.no_body(payload).await?;
    write.on_member(member, vec![MemberCommand::Enable(Enable)], &body.parse()?).await
}
