//! /healthz: the process answers. /readyz: it can give verdicts and take commands. What probes of balancers hang on to their
//! URLs is not looked at.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::app::App;
use super::problem::Problem;
use super::query;
use crate::db::{DbError, in_time};

pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

pub async fn ready(app: Data<App>) -> HttpResponse {
    let lease = app.lease.holds();
    let view = !app.ledger.progress().stopped;
    let database = database_answers(&app).await;
    let ready = lease && view && database;
    let body = json!({
        "status": if ready { "ready" } else { "not_ready" },
        "lease": lease,
        "database": database,
        "view": view,
        "append_only": app.append_only,
        "position": app.ledger.progress().applied.checked_sub(1),
    });
    if ready { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

pub async fn openapi(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    Ok(HttpResponse::Ok().content_type("application/json").body(app.openapi.clone()))
}

async fn database_answers(app: &App) -> bool {
    let Ok(client) = app.ledger.database().system().await else { return false };
    let answered = in_time(async { Ok::<_, DbError>(client.simple_query("").await?) }).await.is_ok();
    if answered {
        client.give_back();
    }
    answered
}
