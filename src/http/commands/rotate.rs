//! POST …/keys/{id}/rotate

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write};
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, Rotate};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let key = write.key(&path.0, &path.1)?;
    let body = write.body(payload, Wants::JsonOrNothing).await?;
    let document = write.document(&body)?;
    let rotate = read(&document)?;
    let (tenant, credential) = key;
    let render = write.render_key(tenant, 201).await?;
    let command = Command::Credential(tenant, vec![CredentialCommand::Rotate(rotate)]);
    let order = write.order(credential.into(), command, &document, render)?;
    let location = Some(write.app.place(format_args!("/tenants/{tenant}/keys/{credential}")));
    write.carry_out(order, Told { location, ..Told::ENFORCED }).await
}

fn read(document: &Document<'_>) -> Result<Rotate, Problem> {
    document.decode(|members| {
        let grace_seconds = members.optional("grace_seconds", fields::grace_seconds);
        Some(Rotate { grace_seconds: grace_seconds? })
    })
}
