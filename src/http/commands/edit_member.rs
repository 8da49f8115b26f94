//! PATCH …/members/{id}: what people read of it, and its scopes

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::member::{Edit, MemberCommand, Rescope};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let member = write.member(&path.0, &path.1)?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = write.document(&body)?;
    write.on_member(member, read(&document)?, &document).await
}

fn read(document: &Document<'_>) -> Result<Vec<MemberCommand>, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let email = members.optional("email", fields::email);
        let description = members.optional("description", fields::description);
        let scopes = members.optional("scopes", fields::scopes);
        let edit = MemberCommand::Edit(Edit { name: name?, email: email?, description: description? });
        let rescope = scopes?.map(|scopes| MemberCommand::Rescope(Rescope { scopes }));
        Some([Some(edit), rescope].into_iter().flatten().collect())
    })
}
