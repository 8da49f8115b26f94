//! POST …/{keys,clients}/{id}/rotate

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Target, Told, Write};
use crate::domain::credential::{CredentialCommand, Rotate};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;
use crate::http::resources::credential::collection;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let body = write.body(payload, Wants::JsonOrNothing).await?;
    let document = write.document(&body)?;
    let rotate = read(&document)?;
    let render = write.render_credential(target, 201).await?;
    let command = target.command(vec![CredentialCommand::Rotate(rotate)]);
    let order = write.order(target.id.into(), command, &document, render)?;
    let Target { tenant, kind, id } = target;
    let location = Some(write.app.place(format_args!("/tenants/{tenant}/{}/{id}", collection(kind))));
    write.carry_out(order, Told { location, ..Told::ENFORCED }).await
}

fn read(document: &Document<'_>) -> Result<Rotate, Problem> {
    document.decode(|members| {
        let grace_seconds = members.optional("grace_seconds", fields::grace_seconds);
        let close_when_quiet_seconds = members.nullable("close_when_quiet_seconds", fields::quiet_seconds);
        Some(Rotate { grace_seconds: grace_seconds?, close_when_quiet_seconds: close_when_quiet_seconds? })
    })
}
