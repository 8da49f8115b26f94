//! GET …/members: a tenant's members, newest first, filtered.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::StreamId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;
use crate::projections::list::{self, MemberFilter};

const STATUSES: [&str; 2] = ["active", "disabled"];

struct Asked {
    limit: u32,
    cursor: Option<String>,
    min_position: Option<u64>,
    filter: MemberFilter,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadTenant)?.id;
    let query = Query::parse(request.query_string())?;
    let asked = read(&query)?;
    app.reached(asked.min_position).await?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = super::id_after(&cursors, asked.cursor.as_deref())?;
    let reader = app.ledger.reader();
    let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
    let rows = i64::from(asked.limit) + 1;
    let mut found = list::members(&scope, (reader.ledger, tenant), after, rows, &asked.filter).await?;
    let more = found.len() > asked.limit as usize;
    found.truncate(asked.limit as usize);
    let streams: Vec<StreamId> = found.iter().map(|id| StreamId::from(*id)).collect();
    let loaded = reader.streams_in(&scope, &streams).await?;
    scope.finish().await?;
    let names = |actor| app.actor_name(actor);
    let members = loaded.iter().filter_map(|loaded| loaded.state.member());
    let data: Vec<Value> = members.map(|member| resources::member::member(member, &names)).collect();
    let next_cursor = found.last().filter(|_| more).map(|last| cursors.seal(last.0.as_bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<Asked, Problem> {
    query.decode(|query| {
        let limit = query.limit();
        let cursor = query.cursor();
        let min_position = query.number("min_position");
        let name = query.name();
        let status = query.optional("status", |word| {
            STATUSES.into_iter().find(|status| *status == word).ok_or("expected active or disabled")
        });
        let filter = MemberFilter { status: status?, name: name? };
        Some(Asked { limit: limit?, cursor: cursor?, min_position: min_position?, filter })
    })
}
