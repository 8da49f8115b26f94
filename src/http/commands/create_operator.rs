//! POST /operators: by name, to be given a token; or by e-mail address, to be invited

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Write, reach, render};
use crate::domain::authority::Action;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Create, Invite, OperatorCommand, Reach};
use crate::http::body::{Document, Wants};
use crate::http::problem::Problem;
use crate::http::{fields, resources};
use crate::limits;

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageOperators)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let command = read(&write, &document)?;
    let id = OperatorId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let render = render("operator", 201, |state, now| {
        state.operator().map(|each| resources::operator::operator(each, now))
    });
    let command = Command::Operator(vec![command]);
    let order = write.order(id.into(), command, &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    Ok(write.made("operator", format_args!("/operators"), executed))
}

fn read(write: &Write, document: &Document<'_>) -> Result<OperatorCommand, Problem> {
    document.decode(|members| {
        let email = members.optional("email", fields::email);
        // Whoever is invited brings a name along; until then the address stands for it.
        let name = match &email {
            Some(Some(email)) if !email.is_empty() => members
                .optional("name", fields::name)
                .map(|name| name.unwrap_or_else(|| email.chars().take(limits::NAME_CHARS).collect())),
            _ => members.required("name", fields::name),
        };
        let role = members.required("role", |word| word.one_of(&Role::ALL.map(|role| (role.word(), role))));
        let reach = reach::read(members, &write.app, &write.operator);
        let (email, name, role) = (email?, name?, role?);
        let reach = match reach? {
            Some(reach) => reach,
            None if role == Role::Root => Reach::All,
            None => return reach::refuse(members),
        };
        match email.filter(|email| !email.is_empty()) {
            None => {
                Some(OperatorCommand::Create(Create { name, role, reach, first: false, token: None }))
            }
            Some(email) => match &write.app.people {
                None => members.refuse(
                    "nobody can accept an invitation here: no identity provider is set up (oidc_issuer); leave email out",
                ),
                Some(people) => {
                    let address = people.address(&email);
                    let expires_at = write.app.now().plus_seconds(people.settings.invitation_seconds);
                    Some(OperatorCommand::Invite(Invite { email, address, name, role, reach, expires_at }))
                }
            },
        }
    })
}
