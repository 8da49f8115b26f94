//! PATCH /tenants/{t}: name, plan and settings

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::authority::Action;
use crate::domain::tenant::{Configure, Edit, TenantCommand};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::Patch;
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::ConfigureTenant)?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = write.document(&body)?;
    write.on_tenant(tenant, read(&write.app, &document)?, &document).await
}

fn read(app: &App, document: &Document<'_>) -> Result<Vec<TenantCommand>, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let plan = members.patch("plan", fields::plan).map(Patch::change);
        let settings = members.optional("settings", |node| fields::settings(node, &app.starting_settings));
        let edit = TenantCommand::Edit(Edit { name: name?, plan: plan? });
        let configure = settings?.map(|patch| TenantCommand::Configure(Box::new(Configure { patch })));
        Some([Some(edit), configure].into_iter().flatten().collect())
    })
}
