//! Requests that change nothing.

pub mod audit;
pub mod blast_radius;
pub mod changes;
mod credentials_then;
mod cutover;
pub mod decide;
pub mod get_credential;
pub mod get_erasure;
pub mod get_member;
pub mod get_operator;
pub mod get_plan;
pub mod get_session;
pub mod get_tenant;
pub mod history;
pub mod ledger_events;
pub mod list_calls;
pub mod list_credentials;
pub mod list_erasures;
pub mod list_members;
pub mod list_operators;
pub mod list_plans;
pub mod list_signing_keys;
pub mod list_tenants;
pub mod listing;
pub mod usage;

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde_json::Value;

use super::etag::etag;
use super::moment::When;

/// One resource, tagged with its version. What is past changes no more: there is nothing that a tag of it could guard.
fn resource_of(when: When, body: Value) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let version = body.get("version").and_then(Value::as_u64);
    if let Some(version) = version.filter(|_| when == When::Now) {
        response.insert_header((ETAG, etag(version)));
    }
    response.json(body)
}
