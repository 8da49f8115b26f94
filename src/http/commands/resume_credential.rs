//! POST …/{keys,clients}/{id}/resume

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::credential::{CredentialCommand, Resume};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    write.on_credential_alone(target, CredentialCommand::Resume(Resume), payload).await
}
