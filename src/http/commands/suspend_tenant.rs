//! POST /tenants/{t}/suspend: every credential of it stops, by one event

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::tenant::{Suspend, TenantCommand};
use crate::http::app::App;
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
    let tenant = operator.tenant(&app, &path, Action::RunTenants)?;
    let write = Write { app, operator, request, context };
    let body = write.no_body(payload).await?;
    let render = render("tenant", 200, |state, _| state.tenant().map(resources::tenant::tenant));
    let command = Command::Tenant(vec![TenantCommand::Suspend(Suspend)]);
    let order = write.order(tenant.id.into(), command, &body.parse()?, render)?;
    write.carry_out(order, Told::ENFORCED).await
}
