//! GET /operators: those whose whole reach the reader has, newest first, filtered.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::db::Sight;
use crate::domain::authority::{Action, Role, sees};
use crate::domain::ids::StreamId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::resources;
use crate::projections::list::{self, OperatorFilter};

const STATUSES: [&str; 3] = ["active", "invited", "disabled"];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadOperators)?;
    let query = Query::parse(request.query_string())?;
    let (asked, filter) = read(&query)?;
    let listing = listing(&app, &request, &query, asked).await?;
    let after = listing.after_id()?;
    let reached = operator.reached_tenants();
    let scope = app.ledger.database().scope(Sight::Operators(reached.as_deref())).await?;
    let found = list::operators(&scope, app.ledger.reader().ledger, after, listing.rows(), &filter).await?;
    let (loaded, next_cursor) =
        listing.page(scope, found, |id| (StreamId::from(*id), id.0.as_bytes().to_vec())).await?;
    // Reach may have grown between the two reads.
    let seen = loaded.iter().filter_map(|loaded| loaded.state.operator());
    let seen = seen.filter(|found| sees(operator.reach(), &found.reach));
    let now = app.now();
    let data: Vec<Value> = seen.map(|found| resources::operator::operator(found, now)).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<(Asked, OperatorFilter), Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let prefix = query.text("prefix");
        let name = query.name();
        let status = query.optional("status", |word| {
            STATUSES.into_iter().find(|status| *status == word).ok_or("expected active, invited or disabled")
        });
        let role = query.optional("role", |word| {
            Role::from_word(word).ok_or("expected root, org_admin, auditor or gateway")
        });
        let filter = OperatorFilter { role: role?, status: status?, name: name?, prefix: prefix? };
        Some((asked?, filter))
    })
}
