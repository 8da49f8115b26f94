//! GET …/activity: a tenant's calls, newest first, filtered; a page of them, or the whole as NDJSON or CSV.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::Listing;
use crate::activity::calls::Outcome;
use crate::activity::calls::read::{self, Call, Filter, Place};
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::ids::TenantId;
use crate::domain::ip_rules::fold_mapped;
use crate::http::app::{App, not_answering};
use crate::http::export::{self, FORMS, Form, Pages, Seat};
use crate::http::operator::Operator;
use crate::http::page::Page;
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
    let query = Query::parse(request.query_string())?;
    let wanted = query.decode(wanted)?;
    match Form::chosen(request.headers(), wanted.form, FORMS)? {
        Form::Page => page(&app, tenant, wanted, &query, request.path()).await,
        form => {
            wanted.asked.is_whole()?;
            let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
            app.reached(wanted.asked.min_position).await?;
            let question = wanted.question(&app, tenant).await?;
            let pages = Exported { app, question, after: None };
            export::answer(form, COLUMNS, seat, pages, context.request_id).await
        }
    }
}

async fn page(
    app: &App,
    tenant: TenantId,
    mut wanted: Wanted,
    query: &Query<'_>,
    path: &str,
) -> Result<HttpResponse, Problem> {
    app.reached(wanted.asked.min_position).await?;
    let listing = Listing::of(app, query, std::mem::take(&mut wanted.asked), path);
    let after = listing.after(|place| Place::read(&place))?;
    let (data, next) = match wanted.question(app, tenant).await? {
        Some(question) => question.page(app, after, listing.limit()).await?,
        None => (Vec::new(), None),
    };
    let next_cursor = next.map(|place| listing.cursor(&place.bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

/// What is asked of a tenant's calls, once it is known whose secret a prefix is.
struct Question {
    tenant: TenantId,
    filter: Filter,
    now: Timestamp,
    oldest: Timestamp,
}

impl Question {
    async fn page(
        &self,
        app: &App,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<Place>), Problem> {
        let Question { tenant, filter, now, oldest } = self;
        let (tenant, now, oldest) = (*tenant, *now, *oldest);
        let ledger = app.ledger.reader().ledger;
        let asked = read::Asked { ledger, tenant, filter, oldest, now, after, limit };
        let (calls, next) = read::page(app.ledger.database(), &asked).await?;
        Ok((shown(app, tenant, &calls)?, next))
    }
}

/// The whole, a page at a time: up to when it was asked for.
struct Exported {
    app: Data<App>,
    /// none: all is told, or there is nothing
    question: Option<Question>,
    after: Option<Place>,
}

impl Pages for Exported {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let Some(question) = &self.question else { return Ok(None) };
        let (calls, next) = question.page(&self.app, self.after, limits::EXPORT_PAGE).await?;
        self.after = next;
        if next.is_none() {
            self.question = None;
        }
        Ok(Some(calls))
    }
}

fn shown(app: &App, tenant: TenantId, calls: &[Call]) -> Result<Vec<Value>, Problem> {
    let shown = calls.iter().map(|call| {
        let credential = app.view.find_credential(call.credential).map_err(|_| not_answering())?;
        let name = credential.and_then(|credential| credential.name);
        Ok(resources::call::call(call, tenant, name.as_deref()))
    });
    shown.collect()
}

/// As it stands in the query.
struct Wanted {
    asked: Asked,
    filter: Filter,
    prefix: Option<String>,
    form: Option<Form>,
}

impl Wanted {
    /// None where no secret has this prefix, or another one than was asked for besides.
    async fn question(self, app: &App, tenant: TenantId) -> Result<Option<Question>, Problem> {
        let Wanted { mut filter, prefix, .. } = self;
        if let Some(prefix) = prefix {
            let (database, ledger) = (app.ledger.database(), app.ledger.reader().ledger);
            let secret = read::secret_of(database, ledger, tenant, &prefix).await?;
            match secret {
                Some(secret) if filter.secret.is_none_or(|asked| asked == secret) => {
                    filter.secret = Some(secret)
                }
                _ => return Ok(None),
            }
        }
        let now = app.now();
        Ok(Some(Question { tenant, filter, now, oldest: read::oldest(now, app.activity_retention_days) }))
    }
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
