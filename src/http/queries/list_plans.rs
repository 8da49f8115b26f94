//! GET /plans: by name.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::StreamId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;
use crate::projections::list;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadTenant)?;
    let query = Query::parse(request.query_string())?;
    let listing = listing(&app, &request, &query, query.decode(|query| query.asked())?).await?;
    let after = listing.after_text()?;
    let scope = app.ledger.database().scope(Sight::Decision(None)).await?;
    let found = list::plans(&scope, app.ledger.reader().ledger, &after, listing.rows()).await?;
    let (loaded, next_cursor) =
        listing.page(scope, found, |(id, name)| (StreamId::from(*id), name.as_bytes().to_vec())).await?;
    let data: Vec<Value> =
        loaded.iter().filter_map(|loaded| loaded.state.plan()).map(resources::plan::plan).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}
