//! Requests that change nothing.

pub mod get_key;
pub mod get_member;
pub mod get_operator;
pub mod get_plan;
pub mod get_session;
pub mod get_tenant;
pub mod history;
pub mod list_keys;
pub mod list_members;
pub mod list_operators;
pub mod list_plans;
pub mod list_tenants;

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde_json::Value;
use uuid::Uuid;

use super::etag::etag;
use super::page::Cursors;
use super::problem::Problem;
use super::query::Query;
use crate::http::app::App;

/// One resource, tagged with its version.
fn resource(body: Value) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(version) = body.get("version").and_then(Value::as_u64) {
        response.insert_header((ETAG, etag(version)));
    }
    response.json(body)
}

/// The cursors of one list with its filters.
fn cursors<'a>(app: &'a App, query: &Query<'_>, path: &str) -> Cursors<impl Fn(&[u8]) -> [u8; 32] + 'a> {
    Cursors::of(&query.identity(path), |bytes| app.ledger.vault().lookup("cursor", bytes))
}

/// What a cursor of a list by id holds: the last id of its page. Without one the list begins with the newest.
fn id_after(cursors: &Cursors<impl Fn(&[u8]) -> [u8; 32]>, cursor: Option<&str>) -> Result<Uuid, Problem> {
    let Some(cursor) = cursor else { return Ok(Uuid::max()) };
    let of_another_version = |_| Problem::invalid("this cursor is of another version; begin anew");
    Uuid::from_slice(&cursors.open(cursor)?).map_err(of_another_version)
}

/// What a cursor of a list by a unique name holds: the last name of its page.
fn text_after(
    cursors: &Cursors<impl Fn(&[u8]) -> [u8; 32]>,
    cursor: Option<&str>,
) -> Result<String, Problem> {
    let Some(cursor) = cursor else { return Ok(String::new()) };
    String::from_utf8(cursors.open(cursor)?)
        .map_err(|_| Problem::invalid("this cursor is of another version; begin anew"))
}
