//! GET …/keys: a tenant's credentials, newest first, filtered.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use super::get_key::warning_seconds;
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::ids::{MemberId, StreamId};
use crate::domain::scope::Scope;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::projections::list::{self, CredentialFilter, CredentialPage, CredentialPlace};

const STATUSES: [&str; 5] = ["active", "expiring", "expired", "suspended", "revoked"];

struct Asked {
    limit: u32,
    cursor: Option<String>,
    min_position: Option<u64>,
    filter: CredentialFilter,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let query = Query::parse(request.query_string())?;
    let asked = read(&query)?;
    app.reached(asked.min_position).await?;
    let cursors = super::cursors(&app, &query, request.path());
    let after = match &asked.cursor {
        Some(cursor) => place(&cursors.open(cursor)?)?,
        None => CredentialPlace::START,
    };
    let (now, warning_seconds) = (app.now(), warning_seconds(&app, tenant).await?);
    let reader = app.ledger.reader();
    let rows = i64::from(asked.limit) + 1;
    let page = CredentialPage {
        ledger: reader.ledger,
        tenant,
        filter: &asked.filter,
        after,
        rows,
        now,
        warning_seconds,
    };
    let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
    let mut places = list::credentials(&scope, &page).await?;
    let more = places.len() > asked.limit as usize;
    places.truncate(asked.limit as usize);
    let streams: Vec<StreamId> = places.iter().map(|place| StreamId(place.id)).collect();
    let loaded = reader.streams_in(&scope, &streams).await?;
    scope.finish().await?;
    let credentials = loaded.iter().filter_map(|loaded| loaded.state.credential());
    let data: Vec<Value> = credentials.map(|credential| app.key(credential, now, warning_seconds)).collect();
    let last = places.last().filter(|_| more);
    let next_cursor = last.map(|last| {
        cursors.seal(&[last.created_at_ms.to_be_bytes().as_slice(), last.id.as_bytes().as_slice()].concat())
    });
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

fn read(query: &Query<'_>) -> Result<Asked, Problem> {
    query.decode(|query| {
        let limit = query.limit();
        let cursor = query.cursor();
        let min_position = query.number("min_position");
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
        let text = query.text("q");
        let owner =
            query.optional("owner", |text| text.parse::<MemberId>().map_err(|_| "expected a member's id"));
        Some(Asked {
            limit: limit?,
            cursor: cursor?,
            min_position: min_position?,
            filter: CredentialFilter {
                status: status?,
                name: name?,
                scope: scope?,
                expires_before: expires_before?,
                prefix: prefix?,
                text: text?,
                owner: owner?,
            },
        })
    })
}

fn place(bytes: &[u8]) -> Result<CredentialPlace, Problem> {
    let unreadable = || Problem::invalid("this cursor is of another version; begin anew");
    let (created_at, id) = bytes.split_first_chunk::<8>().ok_or_else(unreadable)?;
    let id = Uuid::from_slice(id).map_err(|_| unreadable())?;
    Ok(CredentialPlace { created_at_ms: i64::from_be_bytes(*created_at), id })
}
