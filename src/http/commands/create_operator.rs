//! POST /operators

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::ids::{OperatorId, TenantId};
use crate::domain::operator::{Create, OperatorCommand, Reach};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::problem::Problem;
use crate::http::{API_ADMIN, fields, resources};
use crate::limits;

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageOperators)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = body.parse()?;
    let create = read(&write.app, &document)?;
    let id = OperatorId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let render = render("operator", 201, |state, now| {
        state.operator().map(|each| resources::operator::operator(each, now))
    });
    let command = Command::Operator(OperatorCommand::Create(create));
    let order = write.order(id.into(), command, &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    // A repeated request tells the id of then.
    let made =
        executed.answer.body.get("operator").and_then(|operator| operator["id"].as_str()).unwrap_or_default();
    let location = Some(format!("{API_ADMIN}/operators/{made}"));
    Ok(super::answer(executed, Told { location, ..Told::PLAIN }))
}

fn read(app: &App, document: &Document<'_>) -> Result<Create, Problem> {
    document.decode(|members| {
        let name = members.required("name", fields::name);
        let role = members.required("role", |word| word.one_of(&Role::ALL.map(|role| (role.word(), role))));
        let tenants = members.optional("tenants", |list| {
            list.list(limits::OPERATOR_TENANTS, |each| {
                let id = each.uuid().map(TenantId)?;
                if matches!(app.view.tenant(id), Ok(Some(_))) {
                    Some(id)
                } else {
                    each.refuse("there is no such tenant")
                }
            })
        });
        let all_tenants = members.optional("all_tenants", |switch| switch.boolean());
        let (name, role, tenants, all) = (name?, role?, tenants?, all_tenants?);
        let reach = match (all.unwrap_or(role == Role::Root), tenants) {
            (true, None) => Reach::All,
            (false, Some(tenants)) if !tenants.is_empty() => Reach::Tenants(tenants.into_iter().collect()),
            _ => return members.refuse("give either tenants, with one id at least, or all_tenants: true"),
        };
        Some(Create { name, role, reach, first: false, token: None })
    })
}
