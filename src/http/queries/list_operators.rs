//! GET /operators: those whose whole reach the reader has, newest first, filtered.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use crate::db::Sight;
use crate::domain::authority::{Action, Role, sees};
use crate::domain::ids::StreamId;
use crate::domain::operator::Reach;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;
use crate::projections::list::{self, OperatorFilter};

const STATUSES: [&str; 3] = ["active", "invited", "disabled"];

struct Asked {
    limit: u32,
    cursor: Option<String>,
    min_position: Option<u64>,
    filter: OperatorFilter,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadOperators)?;
    let query = Query::parse(request.query_string())?;
    let asked = read(&query)?;
    app.reached(asked.min_position).await?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = super::id_after(&cursors, asked.cursor.as_deref())?;
    let reached: Option<Vec<Uuid>> = match operator.reach() {
        Reach::All => None,
        Reach::Tenants(tenants) => Some(tenants.iter().map(|tenant| tenant.0).collect()),
    };
    let reader = app.ledger.reader();
    let scope = app.ledger.database().scope(Sight::Operators(reached.as_deref())).await?;
    let rows = i64::from(asked.limit) + 1;
    let mut found = list::operators(&scope, reader.ledger, after, rows, &asked.filter).await?;
    let more = found.len() > asked.limit as usize;
    found.truncate(asked.limit as usize);
    let streams: Vec<StreamId> = found.iter().map(|id| StreamId::from(*id)).collect();
    let loaded = reader.streams_in(&scope, &streams).await?;
    scope.finish().await?;
    // Reach may have grown between the two reads.
    let seen = loaded.iter().filter_map(|loaded| loaded.state.operator());
    let seen = seen.filter(|found| sees(operator.reach(), &found.reach));
    let now = app.now();
    let data: Vec<Value> = seen.map(|found| resources::operator::operator(found, now)).collect();
    let next_cursor = found.last().filter(|_| more).map(|last| cursors.seal(last.0.as_bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<Asked, Problem> {
    query.decode(|query| {
        let limit = query.limit();
        let cursor = query.cursor();
        let min_position = query.number("min_position");
        let prefix = query.text("prefix");
        let name = query.name();
        let status = query.optional("status", |word| {
            STATUSES.into_iter().find(|status| *status == word).ok_or("expected active, invited or disabled")
        });
        let role = query.optional("role", |word| {
            Role::from_word(word).ok_or("expected root, org_admin, auditor or gateway")
        });
        let filter = OperatorFilter { role: role?, status: status?, name: name?, prefix: prefix? };
        Some(Asked { limit: limit?, cursor: cursor?, min_position: min_position?, filter })
    })
}
