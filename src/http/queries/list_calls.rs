//! GET …/activity: a tenant's calls, and what operators read of it, newest first, filtered; a page of them, or the whole as NDJSON or
//! CSV. And GET /activity: what operators read that is of no tenant.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::activity::calls::read::{self, Call, Filter, Place};
use crate::activity::calls::{Caller, Outcome, PLATFORM};
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::event::Actor;
use crate::domain::ids::{OperatorId, TenantId};
use crate::domain::ip_rules::fold_mapped;
use crate::http::app::{App, not_answering};
use crate::http::audited::Read;
use crate::http::export::{Asking, FORMS, Form, Paged, Walk};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Parameters, Query};
use crate::http::request::RequestContext;
use crate::http::resources;
use crate::http::resources::call::COLUMNS;
use crate::limits;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    list(app, &operator, tenant, &request, context).await
}

/// What operators read that is of no tenant.
pub async fn of_platform(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadLedger)?;
    list(app, &operator, PLATFORM, &request, context).await
}

async fn list(
    app: Data<App>,
    operator: &Operator,
    tenant: TenantId,
    request: &HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let query = Query::parse(request.query_string())?;
    let Wanted { asked, filter, prefix, form } = query.decode(wanted)?;
    let form = Form::chosen(request.headers(), form, FORMS)?;
    let request_id = context.request_id;
    let asking =
        Asking { app: app.clone(), request, query: &query, asked, form, columns: COLUMNS, request_id };
    let answer = asking.tell(Calls::of(&app, tenant, filter, prefix)).await?;
    if form != Form::Page {
        app.note_read(operator, request, Read::Activity(tenant), query.told(form));
    }
    Ok(answer)
}

/// As it stands in the query.
struct Wanted {
    asked: Asked,
    filter: Filter,
    prefix: Option<String>,
    form: Option<Form>,
}

/// What is asked of a tenant's calls, once it is known whose secret a prefix is.
struct Calls {
    tenant: TenantId,
    /// none: no secret has the prefix that was asked for, or another one than was asked for besides
    filter: Option<Filter>,
    now: Timestamp,
    oldest: Timestamp,
}

impl Calls {
    async fn of(
        app: &App,
        tenant: TenantId,
        mut filter: Filter,
        prefix: Option<String>,
    ) -> Result<Calls, Problem> {
        let now = app.now();
        let oldest = read::oldest(now, app.activity_retention_days);
        let Some(prefix) = prefix else { return Ok(Calls { tenant, filter: Some(filter), now, oldest }) };
        let (database, ledger) = (app.ledger.database(), app.ledger.reader().ledger);
        let secret = read::secret_of(database, ledger, tenant, &prefix).await?;
        let found = secret.filter(|found| filter.secret.is_none_or(|asked| asked == *found));
        filter.secret = found.or(filter.secret);
        Ok(Calls { tenant, filter: found.map(|_| filter), now, oldest })
    }
}

impl Walk for Calls {
    /// none: behind the newest
    type Place = Option<Place>;

    async fn begin(&self, _: &App) -> Result<Self::Place, Problem> {
        Ok(None)
    }

    async fn resume(&self, _: &App, place: Self::Place) -> Result<Self::Place, Problem> {
        Ok(place)
    }

    async fn page(&self, app: &App, after: Self::Place, limit: usize) -> Result<Paged<Self>, Problem> {
        let Calls { tenant, now, oldest, .. } = *self;
        let Some(filter) = &self.filter else { return Ok((Vec::new(), None)) };
        let ledger = app.ledger.reader().ledger;
        let asked = read::Asked { ledger, tenant, filter, oldest, now, after, limit };
        let (calls, next) = read::page(app.ledger.database(), &asked).await?;
        Ok((shown(app, tenant, &calls)?, next.map(Some)))
    }

    fn sealed(place: &Self::Place) -> Vec<u8> {
        place.map(Place::bytes).unwrap_or_default()
    }

    fn opened(bytes: &[u8]) -> Option<Self::Place> {
        Place::read(bytes).map(Some)
    }
}

fn shown(app: &App, tenant: TenantId, calls: &[Call]) -> Result<Vec<Value>, Problem> {
    let shown = calls.iter().map(|call| {
        let id = call.of.credential;
        let name = match call.of.kind {
            Caller::Operator => {
                let name = app.actor_name(Actor::Operator(OperatorId(id.0)));
                name.and_then(|name| name.known().cloned())
            }
            Caller::Credential(_) => {
                let credential = app.view.find_credential(id).map_err(|_| not_answering())?;
                credential.and_then(|credential| credential.name)
            }
        };
        Ok(resources::call::call(call, tenant, name.as_deref()))
    });
    shown.collect()
}

fn wanted(query: &mut Parameters<'_>) -> Option<Wanted> {
    let asked = query.asked();
    let credential = query.optional("credential", |id| id.parse().map_err(|_| "expected a credential's id"));
    let secret = query.optional("secret", |id| id.parse().map_err(|_| "expected a secret's id"));
    let prefix = query.text("prefix");
    let operation = query.optional("operation", |text| label(text, limits::OPERATION_CHARS));
    let outcome = query.optional("outcome", |word| Outcome::parse(word).map(Outcome::word));
    let client_ip = query.optional("client_ip", |text| {
        let address = text.parse().map(fold_mapped);
        address.map_err(|_| "expected an IPv4 or IPv6 address")
    });
    let request_id = query.optional("request_id", |text| label(text, limits::REQUEST_ID_CHARS));
    let from = query.optional("from", Timestamp::read);
    let to = query.optional("to", Timestamp::read);
    let form = Form::asked(query, FORMS);
    let (from, to) = (from?, to?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return query.refuse("to", "this lies before from; a range begins with its earlier end");
    }
    let filter = Filter {
        credential: credential?,
        secret: secret?,
        operation: operation?,
        outcome: outcome?,
        client_ip: client_ip?,
        request_id: request_id?,
        from,
        to,
    };
    Some(Wanted { asked: asked?, filter, prefix: prefix?, form: form? })
}

fn label(text: &str, most: usize) -> Result<String, String> {
    match (1..=most).contains(&text.chars().count()) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected 1 to {most} characters")),
    }
}
