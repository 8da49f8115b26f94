//! /healthz: the process answers. /readyz: it can give verdicts and take commands.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::app::App;

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

pub async fn openapi(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(app.openapi.clone())
}

/// A connection of the pool, which is checked when it is lent; waits are bounded there.
async fn database_answers(app: &App) -> bool {
    match app.ledger.database().system().await {
        Ok(client) => client.simple_query("").await.is_ok(),
        Err(_) => false,
    }
}
