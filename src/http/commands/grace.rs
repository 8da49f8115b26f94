//! PATCH …/{keys,clients}/{id}/secrets/{sid}: move the end of a grace window

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write};
use crate::domain::credential::{CredentialCommand, MoveGrace};
use crate::domain::ids::SecretId;
use crate::http::body::Wants;
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let secret: SecretId = path.2.parse().map_err(|_| Problem::not_found())?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = write.document(&body)?;
    let ends_at = document.decode(|members| members.required("expires_at", |text| text.instant()))?;
    let actions = vec![CredentialCommand::MoveGrace(MoveGrace { secret, ends_at })];
    write.on_credential(target, actions, &document, Told::ENFORCED).await
}
