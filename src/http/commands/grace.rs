//! PATCH …/{keys,clients}/{id}/secrets/{sid}: move the end of a grace window, or say whether it is closed early

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write};
use crate::domain::credential::{CredentialCommand, MoveGrace};
use crate::domain::ids::SecretId;
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::Patch;
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
    let grace = read(&document, secret)?;
    let actions = vec![CredentialCommand::MoveGrace(grace)];
    write.on_credential(target, actions, &document, Told::ENFORCED).await
}

fn read(document: &Document<'_>, secret: SecretId) -> Result<MoveGrace, Problem> {
    document.decode(|members| {
        let ends_at = members.optional("expires_at", |text| text.instant());
        let quiet = members.patch("close_when_quiet_seconds", fields::quiet_seconds).map(Patch::change);
        Some(MoveGrace { secret, ends_at: ends_at?, close_when_quiet_seconds: quiet? })
    })
}
