//! GET /tenants/{t}/audit: the tenant's trail, oldest first, filtered; a page of it, or the whole as NDJSON or CSV.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use super::listing::Listing;
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::TenantId;
use crate::domain::ip_rules::fold_mapped;
use crate::http::app::App;
use crate::http::export::{self, FORMS, Form, Pages, Seat};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Parameters, Query};
use crate::http::request::RequestContext;
use crate::http::resources::event::{COLUMNS, event};
use crate::limits;
use crate::projections::trail::find::{Filter, Search, Span, TrailRow, Types};
use crate::projections::trail::told::told;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadTrail)?.id;
    let query = Query::parse(request.query_string())?;
    let question = read(&query, app.now())?;
    let form = Form::chosen(request.headers(), question.form, FORMS)?;
    // Whoever records what auditors read does it here: all that they read of a trail comes by, in whatever form.
    match form {
        Form::Page => page(&app, tenant, question, &query, request.path()).await,
        form => {
            question.asked.is_whole()?;
            let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
            app.reached(question.asked.min_position).await?;
            let span = question.span(&app).await?;
            let pages = Exported { app, tenant, question, rest: Some(span) };
            export::answer(form, COLUMNS, seat, pages, context.request_id).await
        }
    }
}

async fn page(
    app: &App,
    tenant: TenantId,
    mut question: Question,
    query: &Query<'_>,
    path: &str,
) -> Result<HttpResponse, Problem> {
    app.reached(question.asked.min_position).await?;
    let asked = std::mem::take(&mut question.asked);
    let listing = Listing::of(app, query, asked, path);
    let span = match listing.after(|bytes| place(&bytes))? {
        Some(rest) => {
            app.trail_reached().await?;
            rest
        }
        None => question.span(app).await?,
    };
    let (rows, rest) = question.rows(app, tenant, span, listing.limit()).await?;
    let data = tell(app, tenant, rows).await?;
    Ok(HttpResponse::Ok().json(Page { data, next_cursor: rest.map(|rest| listing.cursor(&sealed(rest))) }))
}

/// What is asked of a trail.
struct Question {
    asked: Asked,
    filter: Filter,
    from: Bound,
    to: Bound,
    newest_first: bool,
    form: Option<Form>,
}

fn read(query: &Query<'_>, now: Timestamp) -> Result<Question, Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let types = query.repeated("type", limits::TRAIL_TYPES, |pattern| {
            Types::matching(pattern)
                .ok_or("no event is of this type; /openapi.json lists them, and a * at the end stands for the rest of one")
        });
        let actor = query.optional("actor", |text| match text {
            "system" => Ok(Uuid::nil()),
            id => id.parse::<Uuid>().map_err(|_| "expected the id of an operator or a credential, or system"),
        });
        let subject =
            query.optional("subject", |text| text.parse::<Uuid>().map_err(|_| "expected the id of what it happened to"));
        let client_ip = query.optional("client_ip", |text| {
            text.parse().map(fold_mapped).map_err(|_| "expected an IP address, without a prefix length")
        });
        let (from, to) = times(query, now)?;
        let newest_first = newest_first(query);
        let form = Form::asked(query, FORMS);
        let filter = Filter { types: Types::of(types?), subject: subject?, actor: actor?, client_ip: client_ip? };
        Some(Question { asked: asked?, filter, from, to, newest_first: newest_first?, form: form? })
    })
}

/// None where it is not bounded.
type Bound = Option<Timestamp>;

/// `from` is in it and `to` is not.
fn times(query: &mut Parameters<'_>, now: Timestamp) -> Option<(Bound, Bound)> {
    let past = |text: &str| match Timestamp::read(text) {
        Ok(instant) if instant > now => Err("this instant has not come yet".to_owned()),
        read => read.map_err(|error| error.to_string()),
    };
    let (from, to) = (query.optional("from", past), query.optional("to", past));
    let (from, to) = (from?, to?);
    match from.zip(to) {
        Some((from, to)) if from >= to => query.refuse("to", "the end has to lie after from"),
        _ => Some((from, to)),
    }
}

pub fn newest_first(query: &mut Parameters<'_>) -> Option<bool> {
    let order = query.optional("order", |word| match word {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err("expected asc or desc"),
    });
    Some(order?.unwrap_or(false))
}

impl Question {
    /// All of the trail that there is now, within the instants that are asked for.
    async fn span(&self, app: &App) -> Result<Span, Problem> {
        let head = app.trail_reached().await?;
        let at = async |instant: Option<Timestamp>, otherwise: u64| match instant {
            None => Ok(otherwise),
            Some(instant) => app.ledger.first_since(instant).await,
        };
        Ok(Span { first: at(self.from, 0).await?, upto: at(self.to, head).await?.min(head) })
    }

    async fn rows(
        &self,
        app: &App,
        tenant: TenantId,
        span: Span,
        limit: usize,
    ) -> Result<(Vec<TrailRow>, Option<Span>), Problem> {
        let search = Search {
            database: app.ledger.database(),
            vault: app.ledger.vault(),
            ledger: app.ledger.reader().ledger,
            tenant,
            filter: &self.filter,
            newest_first: self.newest_first,
        };
        let found = search.page(span, limit).await?;
        Ok((found.rows, found.rest))
    }
}

async fn tell(app: &App, tenant: TenantId, rows: Vec<TrailRow>) -> Result<Vec<Value>, Problem> {
    let (reader, database) = (app.ledger.reader(), app.ledger.database());
    // The platform's streams too: operators stand in the trails of the tenants that they reach.
    let told = told(reader, database, Sight::Decision(Some(tenant.0)), rows).await?;
    let names = |actor| app.actor_name(actor);
    Ok(told.iter().map(|told| event(told, &names)).collect())
}

/// The whole, a page at a time.
struct Exported {
    app: Data<App>,
    tenant: TenantId,
    question: Question,
    rest: Option<Span>,
}

impl Pages for Exported {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let Some(span) = self.rest.take() else { return Ok(None) };
        let (rows, rest) = self.question.rows(&self.app, self.tenant, span, limits::EXPORT_PAGE).await?;
        self.rest = rest;
        tell(&self.app, self.tenant, rows).await.map(Some)
    }
}

/// A cursor holds what is left: pages go no further than the ledger was when the first one was asked for.
fn sealed(rest: Span) -> Vec<u8> {
    [rest.first.to_be_bytes(), rest.upto.to_be_bytes()].concat()
}

fn place(bytes: &[u8]) -> Option<Span> {
    let (first, upto) = bytes.split_first_chunk::<8>()?;
    Some(Span { first: u64::from_be_bytes(*first), upto: u64::from_be_bytes(upto.try_into().ok()?) })
}
