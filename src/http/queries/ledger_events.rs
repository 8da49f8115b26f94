//! GET /ledger/events: every event of the ledger from a position on: a page, the whole up to the head, or whatever comes.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use tokio::sync::watch;

use super::listing::Listing;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::http::app::{App, trail_stopped};
use crate::http::audited::Read;
use crate::http::conneg::JSON;
use crate::http::export::{self, EVENT_STREAM, Feed, Form, NDJSON, Pages, Seat, last_event_id};
use crate::http::operator::{Operator, known_still};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::request::RequestContext;
use crate::http::resources::event::{COLUMNS, event};
use crate::ledger::follow::Progress;
use crate::limits;
use crate::projections::behind::Reach;
use crate::projections::trail;
use crate::projections::trail::find::feed;
use crate::projections::trail::told::told;

pub const FORMS: &[&str] = &[JSON, NDJSON, EVENT_STREAM];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadLedger)?;
    let query = Query::parse(request.query_string())?;
    let (asked, mut from, form) = read(&query)?;
    let form = Form::chosen(request.headers(), form, FORMS)?;
    if form == Form::Follow
        && let Some(last) = last_event_id(request.headers())?
    {
        from = last.saturating_add(1);
    }
    app.reached(asked.min_position).await?;
    let head = app.trail_reached().await?;
    if from > head {
        return Err(Problem::parameter(
            "from",
            format!("the ledger has {head} events; the last stands before that"),
        ));
    }
    let noted = app.clone();
    let answer = match form {
        Form::Page => page(&app, from, head, asked, &query, request.path()).await?,
        Form::Follow => {
            asked.is_whole()?;
            let seat = Seat::take(&app.followers, limits::FOLLOWERS_AT_ONCE)?;
            let feed = Followed::new(app, request.clone(), from)?;
            export::follow(seat, feed, context.request_id)
        }
        form => {
            asked.is_whole()?;
            let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
            let pages = Exported { app, next: from, head };
            export::answer(form, COLUMNS, seat, pages, context.request_id).await?
        }
    };
    noted.note_read(&operator, &request, Read::Ledger, query.told(form));
    Ok(answer)
}

fn read(query: &Query<'_>) -> Result<(Asked, u64, Option<Form>), Problem> {
    query.decode(|query| {
        let (asked, from, form) = (query.asked(), query.number("from"), Form::asked(query, FORMS));
        Some((asked?, from?.unwrap_or(0), form?))
    })
}

async fn page(
    app: &App,
    from: u64,
    head: u64,
    asked: Asked,
    query: &Query<'_>,
    path: &str,
) -> Result<HttpResponse, Problem> {
    let listing = Listing::of(app, query, asked, path);
    let after = listing.after(|place| place.try_into().ok().map(u64::from_be_bytes))?;
    let first = after.unwrap_or(from);
    let data = tell(app, first, head, listing.limit()).await?;
    let next = first + data.len() as u64;
    let next_cursor = (next < head).then(|| listing.cursor(&next.to_be_bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

/// At most so many events, from a position on and before another, which the trail has reached.
async fn tell(app: &App, first: u64, head: u64, limit: usize) -> Result<Vec<Value>, Problem> {
    let limit = head.saturating_sub(first).min(limit as u64);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let (database, reader) = (app.ledger.database(), app.ledger.reader());
    let rows = feed(database, app.ledger.vault(), reader.ledger, first, limit.cast_signed()).await?;
    if rows.len() as u64 != limit {
        return Err(Problem::internal(format!(
            "the trail has no row of position {}",
            first + rows.len() as u64
        )));
    }
    let told = told(reader, database, Sight::Ledger, rows).await?;
    let names = |actor| app.actor_name(actor);
    Ok(told.iter().map(|told| event(told, &names)).collect())
}

/// All of it up to where the ledger was when it began.
struct Exported {
    app: Data<App>,
    next: u64,
    head: u64,
}

impl Pages for Exported {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let events = tell(&self.app, self.next, self.head, limits::EXPORT_PAGE).await?;
        self.next += events.len() as u64;
        Ok((!events.is_empty()).then_some(events))
    }
}

/// Whatever comes, once this node has applied it.
struct Followed {
    app: Data<App>,
    request: HttpRequest,
    next: u64,
    reach: watch::Receiver<Reach>,
    progress: watch::Receiver<Progress>,
    stopping: watch::Receiver<bool>,
}

impl Followed {
    fn new(app: Data<App>, request: HttpRequest, next: u64) -> Result<Self, Problem> {
        let reach = app.reached.watch(trail::NAME).ok_or_else(trail_stopped)?;
        let (progress, stopping) = (app.ledger.watch_progress(), app.stopping.clone());
        Ok(Followed { app, request, next, reach, progress, stopping })
    }
}

impl Feed for Followed {
    async fn permitted(&mut self) -> Result<(), Problem> {
        known_still(&self.app, &self.request).await?.may(Action::ReadLedger)
    }

    async fn next(&mut self) -> Result<Vec<(u64, Value)>, Problem> {
        let reach = *self.reach.borrow_and_update();
        let head = self.progress.borrow_and_update().applied.min(reach.applied);
        let events = tell(&self.app, self.next, head, limits::EXPORT_PAGE).await?;
        if events.is_empty() && reach.stopped {
            return Err(trail_stopped());
        }
        let first = self.next;
        self.next += events.len() as u64;
        Ok((first..).zip(events).collect())
    }

    async fn more(&mut self) -> bool {
        tokio::select! {
            changed = self.reach.changed() => changed.is_ok(),
            changed = self.progress.changed() => changed.is_ok(),
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
