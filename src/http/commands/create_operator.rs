//! POST /operators

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Write, reach, render};
use crate::domain::authority::Action;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Create, OperatorCommand, Reach};
use crate::http::body::{Document, Wants};
use crate::http::problem::Problem;
use crate::http::{fields, resources};

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageOperators)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = body.parse()?;
    let create = read(&write, &document)?;
    let id = OperatorId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let render = render("operator", 201, |state, now| {
        state.operator().map(|each| resources::operator::operator(each, now))
    });
    let command = Command::Operator(vec![OperatorCommand::Create(create)]);
    let order = write.order(id.into(), command, &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    Ok(write.made("operator", format_args!("/operators"), executed))
}

fn read(write: &Write, document: &Document<'_>) -> Result<Create, Problem> {
    document.decode(|members| {
        let name = members.required("name", fields::name);
        let role = members.required("role", |word| word.one_of(&Role::ALL.map(|role| (role.word(), role))));
        let reach = reach::read(members, &write.app, &write.operator);
        let (name, role) = (name?, role?);
        let reach = match reach? {
            Some(reach) => reach,
            None if role == Role::Root => Reach::All,
            None => return reach::refuse(members),
        };
        Some(Create { name, role, reach, first: false, token: None })
    })
}
