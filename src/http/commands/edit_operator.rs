//! PATCH /operators/{id}: role, tenants, and whether it is disabled

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Write, reach};
use crate::domain::authority::Role;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Assign, Disable, Enable, OperatorCommand};
use crate::http::body::{Document, Wants};
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let id = write.operator(&path)?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = write.document(&body)?;
    let actions = read(&write, write.other_roots(id), &document)?;
    write.on_operator(id, actions, &document).await
}

fn read(
    write: &Write,
    other_roots: Vec<OperatorId>,
    document: &Document<'_>,
) -> Result<Vec<OperatorCommand>, Problem> {
    document.decode(|members| {
        let role = members.optional("role", |word| word.one_of(&Role::ALL.map(|role| (role.word(), role))));
        let reach = reach::read(members, &write.app, &write.operator);
        let disabled = members.optional("disabled", |switch| switch.boolean());
        let (role, reach) = (role?, reach?);
        let assigns = role.is_some() || reach.is_some();
        let assign = Assign { role, reach, other_roots: other_roots.clone() };
        let assign = assigns.then_some(OperatorCommand::Assign(assign));
        let switch = disabled?.map(|disabled| match disabled {
            true => OperatorCommand::Disable(Disable { other_roots }),
            false => OperatorCommand::Enable(Enable),
        });
        Some([assign, switch].into_iter().flatten().collect())
    })
}
