//! GET …/members/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::{MemberId, TenantId};
use crate::http::app::App;
use crate::http::moment::{When, when};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::resources;
use crate::ledger::past::Moment;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path.0, Action::ReadTenant)?.id;
    let id: MemberId = path.1.parse().map_err(|_| Problem::not_found())?;
    let when = when(&app, &request).await?;
    let member = match when {
        When::Now => now(&app, tenant, id).await?,
        When::Then(moment) => then(&app, tenant, id, moment).await?,
    };
    Ok(super::resource_of(when, member))
}

async fn now(app: &App, tenant: TenantId, id: MemberId) -> Result<Value, Problem> {
    let loaded = app.ledger.member_now(tenant, id).await?;
    let member = loaded.state.member().filter(|member| member.tenant == tenant);
    let member = member.ok_or_else(Problem::not_found)?;
    Ok(resources::member::member(member, &|actor| app.actor_name(actor)))
}

async fn then(app: &App, tenant: TenantId, id: MemberId, moment: Moment) -> Result<Value, Problem> {
    let loaded = app.ledger.then(Sight::Tenant(tenant.0), &[id.into()], moment.position).await?;
    let member = loaded.first().and_then(|loaded| loaded.state.member());
    let member = member.filter(|member| member.tenant == tenant).ok_or_else(Problem::not_found)?;
    let names = app.names_then(tenant, [member.created_by], moment).await?;
    Ok(resources::member::member(member, &|actor| names.of(actor)))
}
