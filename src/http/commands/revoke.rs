//! POST …/{keys,clients}/{id}/revoke, and DELETE …/{keys,clients}/{id}, which is a revocation for the reason `deleted`

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write};
use crate::domain::credential::{CredentialCommand, Reason, Revoke};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let (reason, note, wait) = revocation(&document)?;
    let actions = vec![CredentialCommand::Revoke(Revoke { reason, note })];
    write.on_credential(target, actions, &document, Told { wait, ..Told::ENFORCED }).await
}

pub async fn delete(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let revoke = Revoke { reason: Reason::Deleted, note: None };
    write.on_credential_alone(target, CredentialCommand::Revoke(revoke), payload).await
}

/// Why, what is noted of it, and whether the caller waits for it to be enforced.
pub fn revocation(document: &Document<'_>) -> Result<(Reason, Option<String>, bool), Problem> {
    document.decode(|members| {
        let reason = members.required("reason", fields::reason);
        let note = members.nullable("note", fields::note);
        let wait = members.optional("wait", |word| word.one_of(&[("enforced", true), ("none", false)]));
        Some((reason?, note?, wait?.unwrap_or(true)))
    })
}
