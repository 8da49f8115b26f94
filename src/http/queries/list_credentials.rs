//! GET …/{keys,clients}: a tenant's credentials, newest first, filtered.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use super::get_credential::warning_seconds;
use super::listing::listing;
use crate::clock::Timestamp;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::Credential;
use crate::domain::ids::{MemberId, StreamId};
use crate::domain::scope::Scope;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::resources::credential::kind_of;
use crate::projections::list::{self, CredentialFilter, CredentialPage, CredentialPlace};

const STATUSES: [&str; 5] = ["active", "expiring", "expired", "suspended", "revoked"];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let query = Query::parse(request.query_string())?;
    let (asked, filter) = read(&query)?;
    let listing = listing(&app, &request, &query, asked).await?;
    let after = listing.after(|bytes| place(&bytes))?.unwrap_or(CredentialPlace::START);
    let (now, warning_seconds) = (app.now(), warning_seconds(&app, tenant).await?);
    let page = CredentialPage {
        ledger: app.ledger.reader().ledger,
        tenant,
        kind: kind_of(&request)?,
        filter: &filter,
        after,
        rows: listing.rows(),
        now,
        warning_seconds,
    };
    let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
    let found = list::credentials(&scope, &page).await?;
    let (loaded, next_cursor) =
        listing.page(scope, found, |found| (StreamId(found.id), sealed(found))).await?;
    let credentials = loaded.iter().filter_map(|loaded| loaded.state.credential());
    let uses = app.last_uses(Errand::Reading, tenant, credentials.clone()).await?;
    // What was used a moment ago, and is on its way to the database, is left out of the page that the database made.
    let is_used = |credential: &&Credential| {
        let mut uses = credential.secrets.iter().filter_map(|secret| uses.of(secret.facts.id));
        filter.unused_since.is_some_and(|since| uses.any(|used| used.at_ms >= since.millis()))
    };
    let data: Vec<Value> = credentials
        .filter(|credential| !is_used(credential))
        .map(|credential| app.credential(credential, &uses, now, warning_seconds))
        .collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<(Asked, CredentialFilter), Problem> {
    query.decode(|query| {
        let asked = query.asked();
        let prefix = query.text("prefix");
        let name = query.name();
        let status = query.optional("status", |word| {
            STATUSES
                .into_iter()
                .find(|status| *status == word)
                .ok_or("expected active, expiring, expired, suspended or revoked")
        });
        let scope = query.optional("scope", |text| Scope::parse(text).map(|scope| scope.to_string()));
        let expires_before = query.optional("expires_before", Timestamp::read);
        let unused_since = query.optional("unused_since", Timestamp::read);
        let text = query.text("q");
        let owner =
            query.optional("owner", |text| text.parse::<MemberId>().map_err(|_| "expected a member's id"));
        let filter = CredentialFilter {
            status: status?,
            name: name?,
            scope: scope?,
            expires_before: expires_before?,
            unused_since: unused_since?,
            prefix: prefix?,
            text: text?,
            owner: owner?,
        };
        Some((asked?, filter))
    })
}

fn sealed(place: &CredentialPlace) -> Vec<u8> {
    [place.created_at_ms.to_be_bytes().as_slice(), place.id.as_bytes().as_slice()].concat()
}

fn place(bytes: &[u8]) -> Option<CredentialPlace> {
    let (created_at, id) = bytes.split_first_chunk::<8>()?;
    Some(CredentialPlace { created_at_ms: i64::from_be_bytes(*created_at), id: Uuid::from_slice(id).ok()? })
}
