//! GET …/members: a tenant's members, newest first, filtered.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::StreamId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::resources;
use crate::projections::list::{self, MemberFilter};

const STATUSES: [&str; 2] = ["active", "disabled"];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadTenant)?.id;
    let query = Query::parse(request.query_string())?;
    let (asked, filter) = read(&query)?;
    let listing = listing(&app, &request, &query, asked).await?;
    let after = listing.after_id()?;
    let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
    let found =
        list::members(&scope, (app.ledger.reader().ledger, tenant), after, listing.rows(), &filter).await?;
    let (loaded, next_cursor) =
        listing.page(scope, found, |id| (StreamId::from(*id), id.0.as_bytes().to_vec())).await?;
    let names = |actor| app.actor_name(actor);
    let members = loaded.iter().filter_map(|loaded| loaded.state.member());
    let data: Vec<Value> = members.map(|member| resources::member::member(member, &names)).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<(Asked, MemberFilter), Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let name = query.name();
        let status = query.optional("status", |word| {
            STATUSES.into_iter().find(|status| *status == word).ok_or("expected active or disabled")
        });
        let filter = MemberFilter { status: status?, name: name? };
        Some((asked?, filter))
    })
}
