//! POST …/{keys,clients}/{id}/secrets/{sid}/revoke: close a grace window

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::credential::{CredentialCommand, RevokeSecret};
use crate::domain::ids::SecretId;
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let secret: SecretId = path.2.parse().map_err(|_| Problem::not_found())?;
    write.on_credential_alone(target, CredentialCommand::RevokeSecret(RevokeSecret { secret }), payload).await
}
