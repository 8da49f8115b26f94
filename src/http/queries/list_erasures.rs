//! GET /erasures, GET /tenants/{tenant}/erasures: newest first.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::{StreamId, TenantId};
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;
use crate::projections::list;

pub async fn of_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadTenant)?.id;
    page(&app, Some(tenant), &request).await
}

pub async fn of_platform(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadLedger)?;
    page(&app, None, &request).await
}

async fn page(app: &App, tenant: Option<TenantId>, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::parse(request.query_string())?;
    let listing = listing(app, request, &query, query.decode(|query| query.asked())?).await?;
    let after = listing.after_id()?;
    let sight = tenant.map_or(Sight::Decision(None), |tenant| Sight::Tenant(tenant.0));
    let scope = app.ledger.database().scope(sight).await?;
    let found = list::erasures(&scope, (app.ledger.reader().ledger, tenant), after, listing.rows()).await?;
    let (loaded, next_cursor) =
        listing.page(scope, found, |id| (StreamId::from(*id), id.0.as_bytes().to_vec())).await?;
    let names = |actor| app.actor_name(actor);
    let erasures = loaded.iter().filter_map(|loaded| loaded.state.erasure());
    let data: Vec<Value> = erasures.map(|each| resources::erasure::erasure(each, &names)).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}
