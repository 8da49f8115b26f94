//! GET /api/v1/whoami: what this bearer is. The smoke test of a fresh key, and the door of whoever holds one.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::App;
use super::bearer::presented;
use super::metrics::Door;
use super::problem::Problem;
use super::query::Query;
use super::verdict::{Asking, Judged};
use crate::domain::operator::Reach;

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    presented(&request)?;
    let query = Query::parse(request.query_string());
    let position = query.and_then(|query| query.decode(|query| query.number("min_position")));
    if let Ok(position) = position {
        app.reached(position).await?;
    }
    let judged = judge_bearer(&app, &request, Door::Whoami).await?;
    // Who asks counts before what is asked.
    match judged.refused() {
        Some(refused) => Err(judged.problem(refused)),
        None => position.map(|_| judged.answer()),
    }
}

/// The verdict on the request's own bearer, from the address that it came from.
pub async fn judge_bearer(app: &App, request: &HttpRequest, door: Door) -> Result<Judged, Problem> {
    let asking = Asking {
        credential: presented(request)?,
        client_ip: app.client_ip(request),
        scopes: &[],
        operation: None,
        tenant: None,
        reach: &Reach::All,
    };
    app.judge(&asking, door).await
}
