//! GET …/{keys,clients}/{id}/history: every event of the credential, and what each changed; a page of it, or the whole as NDJSON or
//! CSV.

use std::ops::Range;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::audit::newest_first;
use super::listing::{Listing, listing};
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::Kind;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::stream::StreamState;
use crate::http::app::App;
use crate::http::audited::{Read, add};
use crate::http::export::{self, FORMS, Form, Pages, Seat};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::request::RequestContext;
use crate::http::resources;
use crate::http::resources::credential::kind_of;
use crate::http::resources::event::COLUMNS;
use crate::ledger::read::{Positioned, ReadError};
use crate::limits;
use crate::projections::trail::told::Told;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let query = Query::parse(request.query_string())?;
    let (asked, newest_first, form) = read(&query)?;
    let form = Form::chosen(request.headers(), form, FORMS)?;
    let events = async |app: &App| history(app, tenant.id, kind_of(&request)?, id).await;
    let answer = match form {
        Form::Page => {
            one_page(&app, listing(&app, &request, &query, asked).await?, newest_first, events).await?
        }
        form => {
            asked.is_whole()?;
            app.reached(asked.min_position).await?;
            let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
            let whole = Whole::of(app.clone(), events(&app).await?, newest_first);
            export::answer(form, COLUMNS, seat, whole, context.request_id).await?
        }
    };
    let mut told = query.told(form);
    add(&mut told, "subject", id);
    app.note_read(&operator, &request, Read::History(tenant.id), told);
    Ok(answer)
}

async fn one_page(
    app: &App,
    listing: Listing<'_>,
    newest_first: bool,
    events: impl AsyncFnOnce(&App) -> Result<Vec<Positioned>, Problem>,
) -> Result<HttpResponse, Problem> {
    let after = listing.after(|place| place.try_into().ok().map(u64::from_be_bytes))?;
    let events = events(app).await?;
    let page = page(&events, after, listing.limit(), newest_first);
    let more = if newest_first { page.start > 0 } else { page.end < events.len() };
    let last = if newest_first { events.get(page.start) } else { events[page.clone()].last() };
    let next_cursor = last.filter(|_| more).map(|last| listing.cursor(&last.position.to_be_bytes()));
    let mut data = told(app, events, page)?;
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

fn read(query: &Query<'_>) -> Result<(Asked, bool, Option<Form>), Problem> {
    query.decode(|query| {
        let (asked, newest_first, form) = (query.asked(), newest_first(query), Form::asked(query, FORMS));
        Some((asked?, newest_first?, form?))
    })
}

/// Each event of the page as it reads, with the states before and after it. The ones before the page are only folded.
fn told(app: &App, events: Vec<Positioned>, page: Range<usize>) -> Result<Vec<Value>, Problem> {
    let mut state = StreamState::Empty;
    let mut told = Vec::with_capacity(page.len());
    for (index, event) in events.into_iter().enumerate().take(page.end) {
        if index >= page.start {
            told.push(told_next(app, &mut state, event)?);
        } else {
            let Positioned { position, recorded } = event;
            state = state.folded(recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
        }
    }
    Ok(told)
}

/// The next event of a stream as it reads.
fn told_next(app: &App, state: &mut StreamState, event: Positioned) -> Result<Value, Problem> {
    let before = std::mem::take(state);
    let (position, recorded) = (event.position, event.recorded.clone());
    *state = before.clone().folded(recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
    let names = |actor| app.actor_name(actor);
    Ok(resources::event::event(&Told::of(&before, event, state), &names))
}

/// All of it, a page at a time. Newest first, it is told whole before the first page of it goes out: a history has an end.
struct Whole {
    app: Data<App>,
    events: std::vec::IntoIter<Positioned>,
    state: StreamState,
    turned: Option<Vec<Value>>,
}

impl Whole {
    fn of(app: Data<App>, events: Vec<Positioned>, newest_first: bool) -> Self {
        let turned = newest_first.then(Vec::new);
        Whole { app, events: events.into_iter(), state: StreamState::Empty, turned }
    }

    fn some(&mut self) -> Result<Vec<Value>, Problem> {
        let some = self.events.by_ref().take(limits::EXPORT_PAGE);
        some.map(|event| told_next(&self.app, &mut self.state, event)).collect()
    }
}

impl Pages for Whole {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let mut some = self.some()?;
        let Some(mut turned) = self.turned.take() else {
            return Ok((!some.is_empty()).then_some(some));
        };
        while !some.is_empty() {
            turned.extend(some);
            tokio::task::yield_now().await;
            some = self.some()?;
        }
        let page = turned.split_off(turned.len().saturating_sub(limits::EXPORT_PAGE));
        self.turned = Some(turned);
        Ok((!page.is_empty()).then(|| page.into_iter().rev().collect()))
    }
}
