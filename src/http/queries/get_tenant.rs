//! GET /tenants/{t}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::authority::Action;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadTenant)?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = app.ledger.tenant_now(tenant.id).await?;
    let tenant = loaded.state.tenant().ok_or_else(Problem::not_found)?;
    Ok(super::resource(resources::tenant::tenant(tenant)))
}
