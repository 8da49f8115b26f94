//! GET …/keys/{id}/history: every event of the credential, and what each changed.

use std::ops::Range;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::stream::StreamState;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;
use crate::ledger::read::{Positioned, ReadError};

struct Asked {
    limit: u32,
    newest_first: bool,
    cursor: Option<String>,
    min_position: Option<u64>,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let query = Query::parse(request.query_string())?;
    let asked = read(&query)?;
    app.reached(asked.min_position).await?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = match &asked.cursor {
        Some(cursor) => Some(place(&cursors.open(cursor)?)?),
        None => None,
    };
    let events = history(&app, tenant.id, id).await?;
    let page = page(&events, after, &asked);
    let more = if asked.newest_first { page.start > 0 } else { page.end < events.len() };
    let last = if asked.newest_first { events.get(page.start) } else { events[page.clone()].last() };
    let next_cursor = last.filter(|_| more).map(|last| cursors.seal(&last.position.to_be_bytes()));
    let mut data = told(&app, events, page)?;
    if asked.newest_first {
        data.reverse();
    }
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

/// A credential's events as its tenant may see them; none at all is nothing that is there.
async fn history(app: &App, tenant: TenantId, id: CredentialId) -> Result<Vec<Positioned>, Problem> {
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.0));
    let events = app.ledger.reader().history(database, sight, id.into()).await?;
    let is_credential = events.first().is_some_and(|first| {
        first.recorded.tenant == Some(tenant) && matches!(first.recorded.event, Event::Credential(_))
    });
    if is_credential { Ok(events) } else { Err(Problem::not_found()) }
}

/// Which of the events, oldest first, stand on the page that begins behind a position.
fn page(events: &[Positioned], after: Option<u64>, asked: &Asked) -> Range<usize> {
    let limit = asked.limit as usize;
    if asked.newest_first {
        let end = after.map_or(events.len(), |after| events.partition_point(|event| event.position < after));
        end.saturating_sub(limit)..end
    } else {
        let start = after.map_or(0, |after| events.partition_point(|event| event.position <= after));
        start..events.len().min(start + limit)
    }
}

fn read(query: &Query<'_>) -> Result<Asked, Problem> {
    query.decode(|query| {
        let limit = query.limit();
        let newest_first = query.optional("order", |word| match word {
            "asc" => Ok(false),
            "desc" => Ok(true),
            _ => Err("expected asc or desc"),
        });
        let cursor = query.cursor();
        let min_position = query.number("min_position");
        Some(Asked {
            limit: limit?,
            newest_first: newest_first?.unwrap_or(false),
            cursor: cursor?,
            min_position: min_position?,
        })
    })
}

fn place(bytes: &[u8]) -> Result<u64, Problem> {
    let bytes =
        bytes.try_into().map_err(|_| Problem::invalid("this cursor is of another version; begin anew"))?;
    Ok(u64::from_be_bytes(bytes))
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
