//! PATCH /tenants/{t}: name and settings

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::tenant::{Configure, Edit, TenantCommand};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ConfigureTenant)?;
    let write = Write { app, operator, request, context };
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = body.parse()?;
    let actions = read(&document)?;
    let render = render("tenant", 200, |state, _| state.tenant().map(resources::tenant::tenant));
    let order = write.order(tenant.id.into(), Command::Tenant(actions), &document, render)?;
    write.carry_out(order, Told::ENFORCED).await
}

fn read(document: &Document<'_>) -> Result<Vec<TenantCommand>, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let settings = members.optional("settings", fields::settings);
        let edit = name?.map(|name| TenantCommand::Edit(Edit { name }));
        let configure = settings?.map(|patch| TenantCommand::Configure(Box::new(Configure { patch })));
        Some([edit, configure].into_iter().flatten().collect())
    })
}
