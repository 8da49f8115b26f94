//! GET /tenants/{t}/changes: the keys and clients that were another between two moments: what each was, and what it had become; a page of
//! them, or all as NDJSON or CSV. First those that something happened to, in the order of that; then those that the clock alone changed.

mod cursor;
mod walk;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use self::cursor::{opened, sealed};
use self::walk::{Changes, Place};
use super::listing::Listing;
use crate::domain::authority::Action;
use crate::domain::ids::TenantId;
use crate::http::app::App;
use crate::http::audited::Read;
use crate::http::export::{self, Column, FORMS, Form, Pages, Seat};
use crate::http::moment::{Named, Names, named};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::request::RequestContext;
use crate::ledger::past::Moment;
use crate::limits;
use crate::projections::trail::find::Span;

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
    let answer = match form {
        Form::Page => page(&app, tenant, question, Listing::of(&app, &query, asked, request.path())).await?,
        form => {
            asked.is_whole()?;
            whole(&app, tenant, question, form, context).await?
        }
    };
    app.note_read(&operator, &request, Read::Changes(tenant), query.told(form));
    Ok(answer)
}

async fn page(
    app: &Data<App>,
    tenant: TenantId,
    question: Question,
    listing: Listing<'_>,
) -> Result<HttpResponse, Problem> {
    let (between, place) = match listing.after(|bytes| opened(&bytes))? {
        Some(opened) => opened,
        None => {
            let between = question.between(app).await?;
            (between, between.start())
        }
    };
    let changes = Changes::read(app, tenant, between).await?;
    let (data, rest) = changes.page(place, listing.limit()).await?;
    let next_cursor = rest.map(|rest| listing.cursor(&sealed(between, rest)));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

async fn whole(
    app: &Data<App>,
    tenant: TenantId,
    question: Question,
    form: Form,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
    let between = question.between(app).await?;
    let pages = Exported { changes: Changes::read(app, tenant, between).await?, rest: Some(between.start()) };
    export::answer(form, COLUMNS, seat, pages, context.request_id).await
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

impl Between {
    fn span(&self) -> Span {
        Span { first: self.from.map_or(0, |from| from.position + 1), upto: self.to.position + 1 }
    }

    fn start(&self) -> Place {
        Place::Happened(self.span().first)
    }
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
