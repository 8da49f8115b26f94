//! POST …/keys/{id}/suspend

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::credential::{CredentialCommand, Suspend};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let key = write.key(&path.0, &path.1)?;
    write.on_key_alone(key, CredentialCommand::Suspend(Suspend), payload).await
}
