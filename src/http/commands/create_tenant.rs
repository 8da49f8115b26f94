//! POST /tenants

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::TenantId;
use crate::domain::key_format::KeyFormat;
use crate::domain::tenant::{Create, Settings, TenantCommand};
use crate::http::body::{Document, Wants};
use crate::http::problem::Problem;
use crate::http::resources;
use crate::http::{API_ADMIN, fields};

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::RunTenants)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = body.parse()?;
    let create = read(&document)?;
    let id = TenantId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let render = render("tenant", 201, |state, _| state.tenant().map(resources::tenant::tenant));
    let order =
        write.order(id.into(), Command::Tenant(vec![TenantCommand::Create(create)]), &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    // A repeated request tells the id of then.
    let made =
        executed.answer.body.get("tenant").and_then(|tenant| tenant["id"].as_str()).unwrap_or_default();
    let location = Some(format!("{API_ADMIN}/tenants/{made}"));
    Ok(super::answer(executed, Told { location, ..Told::PLAIN }))
}

fn read(document: &Document<'_>) -> Result<Create, Problem> {
    let (slug, name, plan, settings) = document.decode(|members| {
        let name = members.required("name", fields::name);
        let slug = members.optional("slug", fields::slug);
        let plan = members.nullable("plan", fields::plan);
        let settings = members.optional("settings", fields::settings);
        let name = name?;
        let slug = match slug? {
            Some(slug) => slug,
            None => match fields::slug_of(&name) {
                Some(slug) => slug,
                None => return members.refuse("no slug can be made from this name; give one as slug"),
            },
        };
        Some((slug, name, plan?, settings?.unwrap_or_default()))
    })?;
    let settings = settings.applied_to(&Settings::starting(KeyFormat::default()))?;
    Ok(Create { slug, name, plan, settings })
}
