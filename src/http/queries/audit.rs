//! GET /tenants/{t}/audit: the tenant's trail, oldest first, filtered; a page of it, or the whole as NDJSON or CSV.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::ip_rules::fold_mapped;
use crate::http::app::App;
use crate::http::audited::Read;
use crate::http::export::{Asking, FORMS, Form, Paged, Walk};
use crate::http::operator::Operator;
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
    let (asked, form, trail) = read(&query, tenant, app.now())?;
    let form = Form::chosen(request.headers(), form, FORMS)?;
    let asking = Asking {
        app: app.clone(),
        request: &request,
        query: &query,
        asked,
        form,
        columns: COLUMNS,
        request_id: context.request_id,
    };
    let answer = asking.tell(async { Ok(trail) }).await?;
    app.note_read(&operator, &request, Read::Trail(tenant), query.told(form));
    Ok(answer)
}

/// What is asked of a trail.
struct Trail {
    tenant: TenantId,
    filter: Filter,
    from: Bound,
    to: Bound,
    newest_first: bool,
}

fn read(
    query: &Query<'_>,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(Asked, Option<Form>, Trail), Problem> {
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
        let trail = Trail { tenant, filter, from, to, newest_first: newest_first? };
        Some((asked?, form?, trail))
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

impl Walk for Trail {
    type Place = Span;

    /// All of the trail that there is now, within the instants that are asked for.
    async fn begin(&self, app: &App) -> Result<Span, Problem> {
        let head = app.trail_reached().await?;
        let at = async |instant: Option<Timestamp>, otherwise: u64| match instant {
            None => Ok(otherwise),
            Some(instant) => app.ledger.first_since(instant).await,
        };
        Ok(Span { first: at(self.from, 0).await?, upto: at(self.to, head).await?.min(head) })
    }

    /// Another node may have known more when the walk began.
    async fn resume(&self, app: &App, place: Span) -> Result<Span, Problem> {
        app.trail_reached().await?;
        Ok(place)
    }

    async fn page(&self, app: &App, span: Span, limit: usize) -> Result<Paged<Self>, Problem> {
        let search = Search {
            database: app.ledger.database(),
            vault: app.ledger.vault(),
            ledger: app.ledger.reader().ledger,
            tenant: self.tenant,
            filter: &self.filter,
            newest_first: self.newest_first,
        };
        let found = search.page(span, limit).await?;
        Ok((tell(app, self.tenant, found.rows).await?, found.rest))
    }

    /// A cursor holds what is left: pages go no further than the ledger was when the first one was asked for.
    fn sealed(rest: &Span) -> Vec<u8> {
        [rest.first.to_be_bytes(), rest.upto.to_be_bytes()].concat()
    }

    fn opened(bytes: &[u8]) -> Option<Span> {
        let (first, upto) = bytes.split_first_chunk::<8>()?;
        Some(Span { first: u64::from_be_bytes(*first), upto: u64::from_be_bytes(upto.try_into().ok()?) })
    }
}

/// What whoever held a credential's secret changed, oldest first; and whether that is all of it.
pub async fn by_holder(
    app: &App,
    tenant: TenantId,
    credential: CredentialId,
    (from, to): (Timestamp, Bound),
) -> Result<(Vec<Value>, bool), Problem> {
    let filter = Filter { actor: Some(credential.0), ..Filter::default() };
    let trail = Trail { tenant, filter, from: Some(from), to, newest_first: false };
    let span = trail.begin(app).await?;
    let (changes, rest) = trail.page(app, span, limits::HOLDER_CHANGES_TOLD).await?;
    Ok((changes, rest.is_none()))
}

async fn tell(app: &App, tenant: TenantId, rows: Vec<TrailRow>) -> Result<Vec<Value>, Problem> {
    let (reader, database) = (app.ledger.reader(), app.ledger.database());
    // The platform's streams too: operators stand in the trails of the tenants that they reach.
    let told = told(reader, database, Sight::Decision(Some(tenant.0)), rows).await?;
    let names = |actor| app.actor_name(actor);
    Ok(told.iter().map(|told| event(told, &names)).collect())
}
