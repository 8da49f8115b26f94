//! POST …/members

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::MemberId;
use crate::domain::member::{Create, Kind, MemberCommand};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::ManageMembers)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let create = read(&document)?;
    let id = MemberId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let command = Command::Member(tenant, vec![MemberCommand::Create(create)]);
    let order = write.order(id.into(), command, &document, write.render_member(201))?;
    let executed = write.app.ledger.execute(order).await?;
    Ok(write.made("member", format_args!("/tenants/{tenant}/members"), executed))
}

fn read(document: &Document<'_>) -> Result<Create, Problem> {
    document.decode(|members| {
        let kind = members.required("kind", |word| word.one_of(&Kind::ALL.map(|kind| (kind.word(), kind))));
        let name = members.required("name", fields::name);
        let email = members.optional("email", fields::email);
        let description = members.optional("description", fields::description);
        let scopes = members.required("scopes", fields::scopes);
        Some(Create {
            kind: kind?,
            name: name?,
            email: email?.unwrap_or_default(),
            description: description?.unwrap_or_default(),
            scopes: scopes?,
        })
    })
}
