//! Requests that change nothing.

pub mod get_credential;
pub mod get_erasure;
pub mod get_member;
pub mod get_operator;
pub mod get_plan;
pub mod get_session;
pub mod get_tenant;
pub mod history;
pub mod list_credentials;
pub mod list_erasures;
pub mod list_members;
pub mod list_operators;
pub mod list_plans;
pub mod list_signing_keys;
pub mod list_tenants;
mod listing;

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde_json::Value;

use super::etag::etag;

/// One resource, tagged with its version.
fn resource(body: Value) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(version) = body.get("version").and_then(Value::as_u64) {
        response.insert_header((ETAG, etag(version)));
    }
    response.json(body)
}
