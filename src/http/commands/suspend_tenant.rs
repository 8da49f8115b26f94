//! POST /tenants/{t}/suspend: every credential of it stops, by one event

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::tenant::{Suspend, TenantCommand};
use crate::http::problem::Problem;
use crate::http::resources;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::RunTenants)?;
    let body = write.no_body(payload).await?;
    let render = render("tenant", 200, |state, _| state.tenant().map(resources::tenant::tenant));
    let command = Command::Tenant(vec![TenantCommand::Suspend(Suspend)]);
    let order = write.order(tenant.into(), command, &body.parse()?, render)?;
    write.carry_out(order, Told::ENFORCED).await
}
