//! POST /tenants

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::TenantId;
use crate::domain::tenant::{Create, Settings, TenantCommand};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;
use crate::http::resources;

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::RunTenants)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let id = TenantId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let create = read(&document, id, &write.app.starting_settings)?;
    let render = render("tenant", 201, |state, _| state.tenant().map(resources::tenant::tenant));
    let order =
        write.order(id.into(), Command::Tenant(vec![TenantCommand::Create(create)]), &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    Ok(write.made("tenant", format_args!("/tenants"), executed))
}

fn read(document: &Document<'_>, id: TenantId, starting: &Settings) -> Result<Create, Problem> {
    let (slug, name, plan, settings) = document.decode(|members| {
        let name = members.required("name", fields::name);
        let slug = members.optional("slug", fields::slug);
        let plan = members.nullable("plan", fields::plan);
        let settings = members.optional("settings", |node| fields::settings(node, starting));
        let name = name?;
        let slug = slug?.or_else(|| fields::slug_of(&name)).unwrap_or_else(|| fields::slug_of_id(id));
        Some((slug, name, plan?, settings?.unwrap_or_default()))
    })?;
    let settings = settings.applied_to(starting)?;
    Ok(Create { slug, name, plan, settings })
}
