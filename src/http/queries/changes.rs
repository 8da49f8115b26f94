//! GET /tenants/{t}/changes: the keys and clients that were another between two moments: what each was, and what it had become; a page of
//! them, or all as NDJSON or CSV. First those that something happened to, in the order of that; then those that the clock alone changed.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use uuid::Uuid;

use super::credentials_then::Then;
use super::listing::Listing;
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::credential::Credential;
use crate::domain::ids::{CredentialId, TenantId};
use crate::http::app::App;
use crate::http::export::{self, Column, FORMS, Form, Pages, Seat};
use crate::http::moment::{Named, Names, named};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::request::RequestContext;
use crate::ledger::past::Moment;
use crate::limits;
use crate::projections::trail::find::{Span, touched};
use crate::projections::validity::by_clock::{self, Watched};
use crate::projections::{trail, validity};

const FROM: Names = Names { at: "from", position: "from_position" };
const TO: Names = Names { at: "to", position: "to_position" };

/// Of a table of differences, in this order for good; a new one is added at the end.
const COLUMNS: &[Column] = &[
    Column::of(&["id"]),
    Column::of(&["kind"]),
    Column::within("before_name", &["before", "name"]),
    Column::within("after_name", &["after", "name"]),
    Column::within("before_status", &["before", "status"]),
    Column::within("after_status", &["after", "status"]),
    Column::within("before_scopes", &["before", "scopes"]),
    Column::within("after_scopes", &["after", "scopes"]),
    Column::within("before_ip_rules", &["before", "ip_rules"]),
    Column::within("after_ip_rules", &["after", "ip_rules"]),
    Column::within("before_owner", &["before", "owner"]),
    Column::within("after_owner", &["after", "owner"]),
    Column::within("before_expires_at", &["before", "expires_at"]),
    Column::within("after_expires_at", &["after", "expires_at"]),
    Column::within("before_secrets", &["before", "secrets"]),
    Column::within("after_secrets", &["after", "secrets"]),
    Column::of(&["before"]),
    Column::of(&["after"]),
];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let query = Query::parse(request.query_string())?;
    let mut question = read(&query)?;
    let form = Form::chosen(request.headers(), question.form, FORMS)?;
    let asked = std::mem::take(&mut question.asked);
    app.reached(asked.min_position).await?;
    if form != Form::Page {
        asked.is_whole()?;
        let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
        let between = question.between(&app).await?;
        let pages =
            Exported { changes: Changes::read(&app, tenant, between).await?, rest: Some(between.start()) };
        return export::answer(form, COLUMNS, seat, pages, context.request_id).await;
    }
    let listing = Listing::of(&app, &query, asked, request.path());
    let (between, place) = match listing.after(|bytes| opened(&bytes))? {
        Some(opened) => opened,
        None => {
            let between = question.between(&app).await?;
            (between, between.start())
        }
    };
    let changes = Changes::read(&app, tenant, between).await?;
    let (data, rest) = changes.page(place, listing.limit()).await?;
    let next_cursor = rest.map(|rest| listing.cursor(&sealed(between, rest)));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

struct Question {
    asked: Asked,
    /// none: before there was anything
    from: Option<Named>,
    /// none: now
    to: Option<Named>,
    form: Option<Form>,
}

fn read(query: &Query<'_>) -> Result<Question, Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let from = named(query, FROM);
        let to = named(query, TO);
        let form = Form::asked(query, FORMS);
        Some(Question { asked: asked?, from: from?, to: to?, form: form? })
    })
}

/// Two moments; before the first event there was nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Between {
    from: Option<Moment>,
    to: Moment,
}

impl Question {
    async fn between(&self, app: &App) -> Result<Between, Problem> {
        let from = match self.from {
            Some(named) => app.moment(named, FROM).await?,
            None => None,
        };
        let to = match self.to {
            Some(named) => app.moment(named, TO).await?,
            None => Some(app.this_moment().await?),
        };
        let inverted = || {
            let name = match self.to {
                Some(Named::Position(_)) => TO.position,
                _ => TO.at,
            };
            Problem::parameter(name, "the second moment lies before the first; give them in their order")
        };
        let Some(to) = to else {
            // Before the first event: there is nothing to compare, unless the first moment lies behind it.
            return Err(if from.is_some() { inverted() } else { Problem::not_found() });
        };
        match from {
            Some(from) if from.position > to.position || from.at > to.at => Err(inverted()),
            from => Ok(Between { from, to }),
        }
    }
}

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// what happened, from this position on
    Happened(u64),
    /// what the clock did: in which range of instants, and behind which place
    ByClock(usize, Option<by_clock::Place>),
}

impl Between {
    fn span(&self) -> Span {
        Span { first: self.from.map_or(0, |from| from.position + 1), upto: self.to.position + 1 }
    }

    fn start(&self) -> Place {
        Place::Happened(self.span().first)
    }
}

struct Changes {
    app: Data<App>,
    tenant: TenantId,
    between: Between,
    /// none where the tenant was not there yet
    before: Option<Then>,
    after: Then,
}

/// Credentials to compare, and where the walk goes on.
struct Candidates {
    ids: Vec<CredentialId>,
    looked_at: usize,
    rest: Option<Place>,
}

impl Changes {
    async fn read(app: &Data<App>, tenant: TenantId, between: Between) -> Result<Self, Problem> {
        for name in [trail::NAME, validity::NAME] {
            app.behind_reached(name, between.to.position + 1).await?;
        }
        let after = Then::read(app, tenant, between.to).await?.ok_or_else(Problem::not_found)?;
        let before = match between.from {
            Some(from) => Then::read(app, tenant, from).await?,
            None => None,
        };
        Ok(Changes { app: app.clone(), tenant, between, before, after })
    }

    /// As many as were asked for, unless very much is the same: a page looks at a bounded number.
    async fn page(&self, start: Place, limit: usize) -> Result<(Vec<Value>, Option<Place>), Problem> {
        let (mut data, mut place, mut looked_at) = (Vec::new(), start, 0);
        loop {
            let candidates = self.candidates(place, limit - data.len()).await?;
            looked_at += candidates.looked_at;
            data.extend(self.compared(&candidates.ids).await?);
            let Some(rest) = candidates.rest else { return Ok((data, None)) };
            if data.len() >= limit || looked_at >= limits::VALIDITY_FOLDS {
                return Ok((data, Some(rest)));
            }
            place = rest;
        }
    }

    async fn candidates(&self, place: Place, wanted: usize) -> Result<Candidates, Problem> {
        match place {
            Place::Happened(from) => self.happened(from, wanted).await,
            Place::ByClock(range, after) => self.by_clock(range, after, wanted).await,
        }
    }

    async fn happened(&self, from: u64, wanted: usize) -> Result<Candidates, Problem> {
        let (database, vault) = (self.app.ledger.database(), self.app.ledger.vault());
        let of = (self.app.ledger.reader().ledger, self.tenant);
        let span = self.between.span();
        let rows = touched(database, vault, of, (span, from), wanted as i64).await?;
        let rest = match rows.last() {
            Some(last) if rows.len() == wanted => Place::Happened(last.position + 1),
            _ => Place::ByClock(0, None),
        };
        let first = rows.iter().filter(|touch| touch.is_first);
        let ids = first.map(|touch| CredentialId(touch.credential)).collect();
        Ok(Candidates { ids, looked_at: rows.len(), rest: Some(rest) })
    }

    async fn by_clock(
        &self,
        range: usize,
        after: Option<by_clock::Place>,
        wanted: usize,
    ) -> Result<Candidates, Problem> {
        // What was not there yet, the clock did not change.
        let Some(before) = &self.before else {
            return Ok(Candidates { ids: vec![], looked_at: 0, rest: None });
        };
        let watched = |then: &Then| Watched { moment: then.moment, warning_seconds: then.warning_seconds() };
        let search = by_clock::Search {
            database: self.app.ledger.database(),
            ledger: self.app.ledger.reader().ledger,
            tenant: self.tenant,
            before: watched(before),
            after: watched(&self.after),
        };
        let rows = search.page(range, after, wanted as i64).await?;
        let rest = match rows.last() {
            Some(last) if rows.len() == wanted => Some(Place::ByClock(range, Some(last.place))),
            _ if range + 1 < by_clock::RANGES => Some(Place::ByClock(range + 1, None)),
            _ => None,
        };
        let counting = rows.iter().filter(|ending| ending.counts);
        let ids = counting.map(|ending| CredentialId(ending.place.credential)).collect();
        Ok(Candidates { ids, looked_at: rows.len(), rest })
    }

    async fn compared(&self, ids: &[CredentialId]) -> Result<Vec<Value>, Problem> {
        let before = match &self.before {
            Some(before) => before.credentials(ids).await?,
            None => vec![None; ids.len()],
        };
        let after = self.after.credentials(ids).await?;
        let own = |then: Option<&Then>, credential: &Option<Credential>| {
            then.zip(credential.as_ref()).map(|(then, credential)| then.own(credential))
        };
        let mut changed = (Vec::new(), Vec::new());
        for (before, after) in before.into_iter().zip(after) {
            if own(self.before.as_ref(), &before) != own(Some(&self.after), &after) {
                changed.0.push(before);
                changed.1.push(after);
            }
        }
        let before = match &self.before {
            Some(then) => told(then, &changed.0).await?,
            None => vec![Value::Null; changed.0.len()],
        };
        let after = told(&self.after, &changed.1).await?;
        Ok(before.into_iter().zip(after).map(|(before, after)| change(&before, &after)).collect())
    }
}

/// Null what was not there.
async fn told(then: &Then, credentials: &[Option<Credential>]) -> Result<Vec<Value>, Problem> {
    let there: Vec<&Credential> = credentials.iter().flatten().collect();
    let owners = then.owners(there.iter().copied()).await?;
    let mut told = then.tell(&there, &owners).await?.into_iter();
    let of = |credential: &Option<Credential>| match credential {
        Some(_) => told.next().unwrap_or_default(),
        None => Value::Null,
    };
    Ok(credentials.iter().map(of).collect())
}

fn change(before: &Value, after: &Value) -> Value {
    let either = |member: &str| after.get(member).or_else(|| before.get(member));
    json!({"id": either("id"), "kind": either("kind"), "before": before, "after": after})
}

/// The whole, a page at a time.
struct Exported {
    changes: Changes,
    rest: Option<Place>,
}

impl Pages for Exported {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let Some(place) = self.rest.take() else { return Ok(None) };
        let (data, rest) = self.changes.page(place, limits::EXPORT_PAGE).await?;
        self.rest = rest;
        Ok(Some(data))
    }
}

const HAPPENED: u8 = 0;

/// A cursor holds both moments: what an instant means that is still near may change by an event.
fn sealed(between: Between, place: Place) -> Vec<u8> {
    let moment = |moment: Option<Moment>| match moment {
        Some(moment) => (moment.position + 1, moment.at.millis()),
        None => (0, 0),
    };
    let (range, first, second) = match place {
        Place::Happened(position) => (HAPPENED, position.cast_signed(), Uuid::nil()),
        Place::ByClock(range, None) => (range as u8 * 2 + 1, 0, Uuid::nil()),
        Place::ByClock(range, Some(place)) => (range as u8 * 2 + 2, place.at_ms, place.credential),
    };
    let mut bytes = vec![range];
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(second.as_bytes());
    for (events, at) in [moment(between.from), moment(Some(between.to))] {
        bytes.extend_from_slice(&events.to_be_bytes());
        bytes.extend_from_slice(&at.to_be_bytes());
    }
    bytes
}

fn opened(bytes: &[u8]) -> Option<(Between, Place)> {
    let (range, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (second, rest) = rest.split_first_chunk::<16>()?;
    let (from, to) = rest.split_first_chunk::<16>()?;
    let first = i64::from_be_bytes(*first);
    let place = match range.checked_sub(1) {
        None => Place::Happened(first.cast_unsigned()),
        Some(range) => {
            let place = by_clock::Place { at_ms: first, credential: Uuid::from_bytes(*second) };
            Place::ByClock(usize::from(range / 2), (range % 2 == 1).then_some(place))
        }
    };
    let between = Between { from: moment(from)?, to: moment(to.try_into().ok()?)?? };
    Some((between, place))
}

/// None within: before the first event.
fn moment(bytes: &[u8; 16]) -> Option<Option<Moment>> {
    let (events, at) = bytes.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis(i64::from_be_bytes(at.try_into().ok()?))?;
    let position = u64::from_be_bytes(*events).checked_sub(1);
    Some(position.map(|position| Moment { position, at }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_sealed() {
        let at = |millis| Timestamp::from_millis(millis).expect("an instant");
        let (one, two) = (Moment { position: 0, at: at(5) }, Moment { position: 900, at: at(77) });
        let place = by_clock::Place { at_ms: -4, credential: Uuid::from_u128(7) };
        for from in [None, Some(one)] {
            let between = Between { from, to: two };
            for place in [
                Place::Happened(0),
                Place::Happened(u64::MAX >> 1),
                Place::ByClock(0, None),
                Place::ByClock(1, None),
                Place::ByClock(0, Some(place)),
                Place::ByClock(1, Some(place)),
            ] {
                let sealed = sealed(between, place);
                assert_eq!(opened(&sealed), Some((between, place)));
                assert_eq!(opened(&sealed[1..]), None);
            }
        }
    }
}
