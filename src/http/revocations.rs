//! GET /api/v1/revocations: what ended access tokens that would still live, signed, for an API layer that checks tokens offline.

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::{App, no_signer, not_answering};
use super::operator::Operator;
use super::problem::Problem;
use super::query::Query;
use crate::domain::authority::Action;
use crate::domain::operator::Reach;
use crate::limits;
use crate::tokens::revocations::{NoList, SignedList};

pub const TYPES: &[&str] = &["application/jwt"];

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::Verify)?;
    let query = Query::parse(request.query_string())?;
    let named = query.decode(|query| query.optional("tenant", |text| Ok::<_, &str>(text.to_owned())))?;
    let reach = match named {
        None => operator.reach().clone(),
        Some(named) => Reach::Tenants([operator.tenant(&app, &named, Action::Verify)?.id].into()),
    };
    // Whatever has to be waited for comes before the look: from there on the list leaves at once, within the lease.
    let signer = app.keyring.signer(app.now()).await.map_err(no_signer)?;
    let still = || app.keyring.still(signer.clone());
    let list = app.leased(|now| app.revocations.of(&app.view, still, app.issuer(), &reach, now)).await?;
    let list = list.map_err(no_list)?;
    Ok(answer(&list, request.headers()))
}

fn answer(list: &SignedList, headers: &HeaderMap) -> HttpResponse {
    let mut response = match is_known(headers, &list.tag) {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    let kept = format!("private, max-age={}", limits::REVOCATION_LIST_KEPT_SECONDS);
    response
        .insert_header((header::CACHE_CONTROL, kept))
        .insert_header((header::ETAG, list.tag.as_str()))
        .insert_header((header::VARY, "authorization"));
    match is_known(headers, &list.tag) {
        true => response.finish(),
        false => response.content_type(TYPES[0]).body(list.text.clone()),
    }
}

/// Whether the caller has these bytes (RFC 9110, 13.1.2). What can't be read names nothing that it has.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn no_list(why: NoList) -> Problem {
    match why {
        NoList::NotAnswering => not_answering(),
        NoList::NoSigner(cause) => no_signer(cause),
        NoList::NotSigned => Problem::internal("a list of revocations could not be signed"),
        NoList::TooMany => Problem::unavailable(
            limits::RETRY_AFTER_SECONDS,
            "more has ended within a day than a list holds; ask for one tenant with ?tenant=, or ask about each token",
        ),
    }
}
