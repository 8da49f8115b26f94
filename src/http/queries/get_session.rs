//! GET /session: who asks, and until when it may.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::domain::operator::Reach;
use crate::http::app::App;
use crate::http::operator::{By, Operator};
use crate::http::problem::Problem;
use crate::http::query;
use crate::http::resources::erased;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    let who = operator.who();
    let (tenants, all) = match &*who.operator.reach {
        Reach::All => (json!([]), true),
        Reach::Tenants(tenants) => (json!(tenants), false),
    };
    let (kind, opened_at, idle_ends_at, ends_at) = match &who.by {
        By::Token { expires_at, .. } => ("token", None, None, *expires_at),
        By::Session(session) => {
            let people = app.people.as_ref().ok_or_else(Problem::not_found)?;
            let (ends_at, idle_ends_at) = people.sessions.ends(session);
            ("session", Some(session.opened_at), Some(idle_ends_at), ends_at)
        }
    };
    let session = json!({
        "kind": kind,
        "operator": {
            "id": who.operator.id,
            "name": who.operator.name.as_deref().map_or_else(erased, Value::from),
            "role": who.operator.role,
            "tenants": tenants,
            "all_tenants": all,
        },
        "signed_in_at": opened_at,
        "idle_ends_at": idle_ends_at,
        "ends_at": ends_at,
    });
    Ok(HttpResponse::Ok().json(session))
}
