//! POST …/members/{id}/disable: every key that it owns stops, by one event

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::member::{Disable, MemberCommand};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let member = write.member(&path.0, &path.1)?;
    let body = write.no_body(payload).await?;
    write.on_member(member, vec![MemberCommand::Disable(Disable)], &body.parse()?).await
}
