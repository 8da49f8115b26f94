//! GET …/activity: a tenant's calls, newest first, filtered.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::activity::calls::Outcome;
use crate::activity::calls::read::{self, Filter, Place};
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::TenantId;
use crate::domain::ip_rules::fold_mapped;
use crate::http::app::{App, not_answering};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Parameters, Query};
use crate::http::resources;
use crate::limits;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let query = Query::parse(request.query_string())?;
    let (asked, mut filter, prefix) = query.decode(asked)?;
    let listing = listing(&app, &request, &query, asked).await?;
    let after = listing.after(|place| Place::read(&place))?;
    let ledger = app.ledger.reader().ledger;
    let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
    if let Some(prefix) = &prefix {
        match read::secret_of(&scope, ledger, tenant, prefix).await? {
            Some(secret) if filter.secret.is_none_or(|asked| asked == secret) => filter.secret = Some(secret),
            _ => {
                scope.finish().await?;
                return Ok(HttpResponse::Ok().json(Page::<Value> { data: Vec::new(), next_cursor: None }));
            }
        }
    }
    let now = app.now();
    let oldest = read::oldest(now, app.activity_retention_days);
    let wanted = read::Asked { ledger, tenant, filter: &filter, oldest, now, after, limit: listing.limit() };
    let (calls, next) = read::page(&scope, &wanted).await?;
    scope.finish().await?;
    let data = shown(&app, tenant, &calls)?;
    let next_cursor = next.map(|place| listing.cursor(&place.bytes()));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn shown(app: &App, tenant: TenantId, calls: &[read::Call]) -> Result<Vec<Value>, Problem> {
    let shown = calls.iter().map(|call| {
        let credential = app.view.find_credential(call.credential).map_err(|_| not_answering())?;
        let name = credential.and_then(|credential| credential.name);
        Ok(resources::call::call(call, tenant, name.as_deref()))
    });
    shown.collect()
}

type Wanted = (Asked, Filter, Option<String>);

fn asked(query: &mut Parameters<'_>) -> Option<Wanted> {
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
    Some((asked?, filter, prefix?))
}

fn label(text: &str, most: usize) -> Result<String, String> {
    match (1..=most).contains(&text.chars().count()) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected 1 to {most} characters")),
    }
}
