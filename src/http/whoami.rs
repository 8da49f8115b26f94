//! GET /api/v1/whoami: what this bearer is. The smoke test of a fresh key, and the door of whoever holds one.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::App;
use super::bearer::bearer;
use super::metrics::Door;
use super::problem::Problem;
use super::verdict::{Asking, Judged};
use crate::domain::access::Reason;
use crate::domain::operator::Reach;

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let judged = judge_bearer(&app, &request, Door::Whoami).await?;
    app.still_leased()?;
    match judged.refused() {
        Some(refused) => Err(judged.problem(refused)),
        None => Ok(HttpResponse::Ok().json(judged)),
    }
}

/// The verdict on the request's own bearer, from the address that it came from.
pub async fn judge_bearer(app: &App, request: &HttpRequest, door: Door) -> Result<Judged, Problem> {
    let token = match bearer(request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes())) {
        Ok(Some(token)) => token,
        Ok(None) => return Err(Problem::credential_missing()),
        Err(error) => return Err(Problem::credential_refused(Reason::Malformed.word(), error.detail())),
    };
    let asking = Asking {
        credential: token,
        client_ip: app.client_ip(request),
        scopes: &[],
        operation: None,
        tenant: None,
        reach: &Reach::All,
    };
    app.judge(&asking, door).await
}
