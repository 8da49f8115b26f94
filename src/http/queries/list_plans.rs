//! GET /plans: by name.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

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
    let (limit, cursor, min_position) = query.decode(|query| {
        let limit = query.limit();
        let cursor = query.cursor();
        let min_position = query.number("min_position");
        Some((limit?, cursor?, min_position?))
    })?;
    app.reached(min_position).await?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = super::text_after(&cursors, cursor.as_deref())?;
    let reader = app.ledger.reader();
    let scope = app.ledger.database().scope(Sight::Decision(None)).await?;
    let mut found = list::plans(&scope, reader.ledger, &after, i64::from(limit) + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let streams: Vec<StreamId> = found.iter().map(|(id, _)| StreamId::from(*id)).collect();
    let loaded = reader.streams_in(&scope, &streams).await?;
    scope.finish().await?;
    let data: Vec<Value> =
        loaded.iter().filter_map(|loaded| loaded.state.plan()).map(resources::plan::plan).collect();
    let next_cursor = found.last().filter(|_| more).map(|(_, name)| cursors.seal(name.as_bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}
