//! GET …/{keys,clients}/{id}/history: every event of the credential, and what each changed.

use std::ops::Range;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::Kind;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::stream::StreamState;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::resources;
use crate::http::resources::credential::kind_of;
use crate::ledger::read::{Positioned, ReadError};

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let query = Query::parse(request.query_string())?;
    let (asked, newest_first) = read(&query)?;
    let listing = listing(&app, &request, &query, asked).await?;
    let after = listing.after(|place| place.try_into().ok().map(u64::from_be_bytes))?;
    let events = history(&app, tenant.id, kind_of(&request)?, id).await?;
    let page = page(&events, after, listing.limit(), newest_first);
    let more = if newest_first { page.start > 0 } else { page.end < events.len() };
    let last = if newest_first { events.get(page.start) } else { events[page.clone()].last() };
    let next_cursor = last.filter(|_| more).map(|last| listing.cursor(&last.position.to_be_bytes()));
    let mut data = told(&app, events, page)?;
    if newest_first {
        data.reverse();
    }
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

/// A credential's events as its tenant may see them; none at all is nothing that is there.
async fn history(
    app: &App,
    tenant: TenantId,
    kind: Kind,
    id: CredentialId,
) -> Result<Vec<Positioned>, Problem> {
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.0));
    let events = app.ledger.reader().history(database, Errand::Reading, sight, id.into()).await?;
    let is_credential = events.first().is_some_and(|first| {
        first.recorded.tenant == Some(tenant)
            && matches!(first.recorded.event, Event::Credential(of, _) if of == kind)
    });
    if is_credential { Ok(events) } else { Err(Problem::not_found()) }
}

/// Which of the events, oldest first, stand on the page that begins behind a position.
fn page(events: &[Positioned], after: Option<u64>, limit: usize, newest_first: bool) -> Range<usize> {
    if newest_first {
        let end = after.map_or(events.len(), |after| events.partition_point(|event| event.position < after));
        end.saturating_sub(limit)..end
    } else {
        let start = after.map_or(0, |after| events.partition_point(|event| event.position <= after));
        start..events.len().min(start + limit)
    }
}

fn read(query: &Query<'_>) -> Result<(Asked, bool), Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let newest_first = query.optional("order", |word| match word {
            "asc" => Ok(false),
            "desc" => Ok(true),
            _ => Err("expected asc or desc"),
        });
        Some((asked?, newest_first?.unwrap_or(false)))
    })
}

/// Each event of the page as it reads, with the states before and after it. The ones before the page are only folded.
fn told(app: &App, events: Vec<Positioned>, page: Range<usize>) -> Result<Vec<Value>, Problem> {
    let names = |actor| app.actor_name(actor);
    let mut state = StreamState::Empty;
    let mut told = Vec::with_capacity(page.len());
    for (index, event) in events.into_iter().enumerate().take(page.end) {
        let shown = (index >= page.start).then(|| (state.credential().cloned(), event.clone()));
        let Positioned { position, recorded } = event;
        state = state.folded(recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
        if let (Some((before, event)), Some(after)) = (shown, state.credential()) {
            told.push(resources::event::event(&event, before.as_ref(), after, &names));
        }
    }
    Ok(told)
}
