//! POST /tenants/{t}/suspend: every credential of it stops, by one event

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::authority::Action;
use crate::domain::tenant::{Suspend, TenantCommand};
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::RunTenants)?;
    let body = write.no_body(payload).await?;
    write.on_tenant(tenant, vec![TenantCommand::Suspend(Suspend)], &body.parse()?).await
}
