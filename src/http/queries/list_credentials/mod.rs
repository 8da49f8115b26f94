//! GET …/{keys,clients}: a tenant's credentials, newest first, filtered: as they are, or as they were at a moment; a page of them, or the
//! whole as NDJSON or CSV.

mod past;
mod present;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use uuid::Uuid;

use super::listing::Listing;
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Kind};
use crate::domain::ids::{MemberId, TenantId};
use crate::domain::scope::Scope;
use crate::http::app::App;
use crate::http::audited::Read;
use crate::http::export::{self, FORMS, Form, Pages, Seat};
use crate::http::moment::{self, Named, named};
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Parameters, Query};
use crate::http::request::RequestContext;
use crate::http::resources::credential::{COLUMNS, kind_of};
use crate::ledger::past::Moment;
use crate::limits;
use crate::projections::list::{CredentialFilter, CredentialPlace};
use past::Past;
use present::Present;

const STATUSES: [&str; 5] = ["active", "expiring", "expired", "suspended", "revoked"];
/// What anything that works as such reads as. It narrows what is looked at; whether it works, the domain's rule says.
const WORKING: [&str; 2] = ["active", "expiring"];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let (query, kind) = (Query::parse(request.query_string())?, kind_of(&request)?);
    let Question { asked, filter, valid, named, form } = read(&query)?;
    let form = Form::chosen(request.headers(), form, FORMS)?;
    app.reached(asked.min_position).await?;
    let of = Of { app: app.clone(), tenant, kind, filter, valid };
    let answer = match form {
        Form::Page => page(of, named, Listing::of(&app, &query, asked, request.path())).await?,
        form => {
            asked.is_whole()?;
            whole(of, named, form, context).await?
        }
    };
    if named.is_some() || form != Form::Page {
        app.note_read(&operator, &request, Read::Credentials(tenant, kind), query.told(form));
    }
    Ok(answer)
}

async fn page(of: Of, named: Option<Named>, listing: Listing<'_>) -> Result<HttpResponse, Problem> {
    let (walk, place) = match (named, listing.after(|bytes| opened(&bytes))?) {
        (named, None) => Walk::begin(of, named).await?,
        (None, Some((None, place))) => (Walk::Now(Present(of)), place),
        (Some(_), Some((Some(moment), place))) => {
            (Walk::Then(Box::new(Past::read(of, moment).await?)), place)
        }
        _ => return Err(Problem::internal("a cursor of this query says otherwise than it of when it is")),
    };
    let (data, rest) = walk.page(place, listing.limit()).await?;
    let next_cursor = rest.map(|rest| listing.cursor(&sealed(walk.moment(), rest)));
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}

async fn whole(
    of: Of,
    named: Option<Named>,
    form: Form,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let seat = Seat::take(&of.app.exports, limits::EXPORTS_AT_ONCE)?;
    let (walk, start) = Walk::begin(of, named).await?;
    let pages = Exported { walk, rest: Some(start) };
    export::answer(form, COLUMNS, seat, pages, context.request_id).await
}

struct Question {
    asked: Asked,
    filter: CredentialFilter,
    valid: Option<bool>,
    named: Option<Named>,
    form: Option<Form>,
}

/// Whose credentials, and which.
struct Of {
    app: Data<App>,
    tenant: TenantId,
    kind: Kind,
    filter: CredentialFilter,
    /// whether they work as such
    valid: Option<bool>,
}

fn read(query: &Query<'_>) -> Result<Question, Problem> {
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
        let text = query.text("q");
        let owner =
            query.optional("owner", |text| text.parse::<MemberId>().map_err(|_| "expected a member's id"));
        let valid = query.boolean("valid");
        let (unused_since, named) = of_when(query)?;
        let form = Form::asked(query, FORMS);
        let valid = valid?;
        let filter = CredentialFilter {
            statuses: statuses(status?, valid),
            name: name?,
            scope: scope?,
            expires_before: expires_before?,
            unused_since,
            prefix: prefix?,
            text: text?,
            owner: owner?,
        };
        Some(Question { asked: asked?, filter, valid, named, form: form? })
    })
}

/// When something was used is kept as the last time alone, and so can be asked of now alone.
fn of_when(query: &mut Parameters<'_>) -> Option<(Option<Timestamp>, Option<Named>)> {
    let unused_since = query.optional("unused_since", Timestamp::read);
    let named = named(query, moment::OF);
    match (unused_since?, named?) {
        (Some(_), Some(_)) => query.refuse(
            "unused_since",
            "of when a credential was used the last time alone is kept, and not what that was at a moment; leave out this or the moment",
        ),
        both => Some(both),
    }
}

fn statuses(asked: Option<&'static str>, valid: Option<bool>) -> Option<Vec<&'static str>> {
    match (asked, valid) {
        (asked, Some(true)) => {
            Some(WORKING.into_iter().filter(|word| asked.is_none_or(|asked| asked == *word)).collect())
        }
        (asked, _) => asked.map(|status| vec![status]),
    }
}

impl Of {
    /// The filters contradict each other.
    fn is_of_none(&self) -> bool {
        self.filter.statuses.as_ref().is_some_and(Vec::is_empty)
    }

    /// A credential has, or had, a secret that begins so.
    fn has_prefix(&self, credential: &Credential) -> bool {
        let Some(prefix) = self.filter.prefix.as_deref() else { return true };
        credential.secrets.iter().map(|secret| &secret.facts).any(|facts| {
            facts.prefix.starts_with(prefix)
                || facts.client_id.as_ref().is_some_and(|id| id.as_str().starts_with(prefix))
        })
    }
}

/// A list that is gone along.
enum Walk {
    Now(Present),
    Then(Box<Past>),
}

impl Walk {
    /// With where it begins.
    async fn begin(of: Of, named: Option<Named>) -> Result<(Walk, CredentialPlace), Problem> {
        let Some(named) = named else { return Ok((Walk::Now(Present(of)), CredentialPlace::START)) };
        let moment = of.app.moment(named, moment::OF).await?.ok_or_else(Problem::not_found)?;
        let past = Past::read(of, moment).await?;
        Ok((Walk::Then(Box::new(past)), crate::projections::validity::find::start(moment)))
    }

    fn moment(&self) -> Option<Moment> {
        match self {
            Walk::Now(_) => None,
            Walk::Then(past) => Some(past.moment()),
        }
    }

    /// The next of it, at most so many, and where it goes on.
    async fn page(
        &self,
        after: CredentialPlace,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<CredentialPlace>), Problem> {
        match self {
            Walk::Now(present) => present.page(after, limit).await,
            Walk::Then(past) => past.page(after, limit).await,
        }
    }
}

/// The whole, a page at a time.
struct Exported {
    walk: Walk,
    rest: Option<CredentialPlace>,
}

impl Pages for Exported {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let Some(after) = self.rest.take() else { return Ok(None) };
        let (data, rest) = self.walk.page(after, limits::EXPORT_PAGE).await?;
        self.rest = rest;
        Ok(Some(data))
    }
}

/// Where a credential stands in its list.
fn place(credential: &Credential) -> CredentialPlace {
    CredentialPlace { created_at_ms: credential.created_at.millis(), id: credential.id.0 }
}

/// A cursor holds the moment, too: an instant that is still near may come to mean one event more.
fn sealed(moment: Option<Moment>, place: CredentialPlace) -> Vec<u8> {
    let mut bytes = [place.created_at_ms.to_be_bytes().as_slice(), place.id.as_bytes().as_slice()].concat();
    if let Some(moment) = moment {
        bytes.extend_from_slice(&moment.position.to_be_bytes());
        bytes.extend_from_slice(&moment.at.millis().to_be_bytes());
    }
    bytes
}

fn opened(bytes: &[u8]) -> Option<(Option<Moment>, CredentialPlace)> {
    let (created_at, rest) = bytes.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let place = CredentialPlace { created_at_ms: i64::from_be_bytes(*created_at), id: Uuid::from_bytes(*id) };
    if rest.is_empty() {
        return Some((None, place));
    }
    let (position, at) = rest.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis(i64::from_be_bytes(at.try_into().ok()?))?;
    Some((Some(Moment { position: u64::from_be_bytes(*position), at }), place))
}
