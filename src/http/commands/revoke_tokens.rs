//! POST …/clients/{id}/tokens/revoke: every access token that the client was given so far ends

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::credential::{CredentialCommand, RevokeTokens};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    write.on_credential_alone(target, CredentialCommand::RevokeTokens(RevokeTokens), payload).await
}
