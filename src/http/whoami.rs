//! GET /api/v1/whoami: what this bearer is. The smoke test of a fresh key, and the door of whoever holds one.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::App;
use super::metrics::Door;
use super::problem::Problem;
use super::proof::Presented;
use super::query::Query;
use super::verdict::{Asking, Judged, Shown};
use crate::domain::access::Reason;

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Presented::to(&app, &request).map_err(|problem| app.failed(app.client_ip(&request), problem))?;
    let query = Query::parse(request.query_string());
    let position = query.and_then(|query| query.decode(|query| query.number("min_position")));
    let reached = match position {
        Ok(position) => app.reached(position).await,
        Err(_) => Ok(()),
    };
    let judged = judge_bearer(&app, &request, Door::Whoami).await?;
    if let Some(problem) = judged.refusal() {
        let told = app.failed(app.client_ip(&request), problem);
        // What is not there may be what this node has not reached.
        return Err(match reached {
            Err(behind) if told.reason() == Some(Reason::NotFound.word()) => behind,
            _ => told,
        });
    }
    // Who asks counts before what is asked.
    reached?;
    position?;
    let mut answer = judged.answer();
    judged.tell_limit(answer.headers_mut());
    Ok(answer)
}

/// The verdict on the request's own bearer, from the address that it came from.
pub async fn judge_bearer(app: &App, request: &HttpRequest, door: Door) -> Result<Judged, Problem> {
    let client_ip = app.client_ip(request);
    let presented = Presented::to(app, request).map_err(|problem| app.failed(client_ip, problem))?;
    let asking = Asking::at_all(Shown::Text(presented.text), presented.showing(), client_ip);
    app.judge(&asking, door).await
}
