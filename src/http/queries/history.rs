//! GET …/keys/{id}/history: every event of the credential, and what each changed.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::get_key::history;
use crate::domain::authority::Action;
use crate::domain::credential::Credential;
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
    let mut events = told(&app, history(&app, tenant.id, id).await?)?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = match &asked.cursor {
        Some(cursor) => Some(place(&cursors.open(cursor)?)?),
        None => None,
    };
    if asked.newest_first {
        events.reverse();
    }
    let unseen = |position: u64| {
        after.is_none_or(|after| if asked.newest_first { position < after } else { position > after })
    };
    let limit = asked.limit as usize;
    let mut page: Vec<_> =
        events.into_iter().filter(|(position, _)| unseen(*position)).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().map(|(position, _)| *position).filter(|_| more);
    let next_cursor = last.map(|position| cursors.seal(&position.to_be_bytes()));
    let data: Vec<Value> = page.into_iter().map(|(_, event)| event).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<Asked, Problem> {
    query.decode(|query| {
        let limit = query.limit();
        let newest_first = query.optional("order", |word| match word {
            "asc" => Ok(false),
            "desc" => Ok(true),
            _ => Err("expected asc or desc"),
        });
        let cursor = query.optional("cursor", |text| Ok::<_, std::convert::Infallible>(text.to_owned()));
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

/// Each event as it reads, with the states before and after it.
fn told(app: &App, events: Vec<Positioned>) -> Result<Vec<(u64, Value)>, Problem> {
    let names = |actor| app.actor_name(actor);
    let mut state = StreamState::Empty;
    let mut told = Vec::with_capacity(events.len());
    for positioned in events {
        let before: Option<Credential> = state.credential().cloned();
        let position = positioned.position;
        state = state
            .folded(positioned.recorded.clone())
            .map_err(|cause| ReadError::Unfoldable { position, cause })?;
        if let Some(after) = state.credential() {
            told.push((position, resources::event::event(&positioned, before.as_ref(), after, &names)));
        }
    }
    Ok(told)
}
