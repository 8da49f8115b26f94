//! Requests that change nothing.

pub mod get_key;
pub mod get_member;
pub mod get_operator;
pub mod get_tenant;
pub mod history;
pub mod list_keys;
pub mod list_members;
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
use crate::projections::list::Place;

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

/// What a cursor of a list that is newest first holds.
fn sealed(last: &Place) -> Vec<u8> {
    [last.created_at_ms.to_be_bytes().as_slice(), last.id.as_bytes().as_slice()].concat()
}

fn place(bytes: &[u8]) -> Result<Place, Problem> {
    let unreadable = || Problem::invalid("this cursor is of another version; begin anew");
    let (created_at, id) = bytes.split_first_chunk::<8>().ok_or_else(unreadable)?;
    let id = Uuid::from_slice(id).map_err(|_| unreadable())?;
    Ok(Place { created_at_ms: i64::from_be_bytes(*created_at), id })
}
