//! GET /erasures/{erasure}, GET /tenants/{tenant}/erasures/{erasure}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::authority::Action;
use crate::domain::ids::{ErasureId, TenantId};
use crate::http::app::App;
use crate::http::moment::When;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;

pub async fn of_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path.0, Action::ReadTenant)?.id;
    one(&app, Some(tenant), &path.1, &request).await
}

pub async fn of_platform(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadLedger)?;
    one(&app, None, &path, &request).await
}

async fn one(
    app: &App,
    tenant: Option<TenantId>,
    named: &str,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id: ErasureId = named.parse().map_err(|_| Problem::not_found())?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = app.ledger.erasure_now(tenant, id).await?;
    let erasure = loaded.state.erasure().filter(|erasure| erasure.tenant == tenant);
    let erasure = erasure.ok_or_else(Problem::not_found)?;
    Ok(super::resource_of(When::Now, resources::erasure::erasure(erasure, &|actor| app.actor_name(actor))))
}
