//! /api/v1/authorize: forward-auth for a proxy. Any method, body ignored; only 200, 401, 403, 429 or 503 for whatever can be
//! read as a request, since a proxy turns anything else into an error of its own; and for one that does so with 429, 403.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::http::header::{HeaderName, HeaderValue, InvalidHeaderValue, X_FORWARDED_FOR};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use uuid::Uuid;

use super::app::App;
use super::call::Went;
use super::client_ip::client_ip_told;
use super::joined::joined_within;
use super::metrics::Door;
use super::problem::{Code, Problem};
use super::proof::Presented;
use super::query::Query;
use super::request::RequestContext;
use super::verdict::{Asking, Shown};
use super::verify::named_tenant;
use crate::domain::access::Reason;
use crate::domain::credential::Resource;
use crate::domain::operator::Reach;
use crate::domain::scope::{ConcreteScope, Scope};
use crate::domain::text::{Operation, TenantRef};
use crate::limits;
use crate::projections::active::Known;
use crate::tokens::http_target::HttpTarget;

const REFUSAL: HeaderName = HeaderName::from_static("x-credential-refusal");
const ID: HeaderName = HeaderName::from_static("x-credential-id");
const KIND: HeaderName = HeaderName::from_static("x-credential-kind");
const NAME: HeaderName = HeaderName::from_static("x-credential-name");
const TENANT: HeaderName = HeaderName::from_static("x-credential-tenant");
const SCOPES: HeaderName = HeaderName::from_static("x-credential-scopes");
/// Only on an answer whose list of scopes was cut.
const SCOPES_TRUNCATED: HeaderName = HeaderName::from_static("x-credential-scopes-truncated");
const SECRET_ID: HeaderName = HeaderName::from_static("x-credential-secret-id");

/// What the proxy's own configuration demands, in the URL that it asks.
struct Demand {
    scopes: Vec<ConcreteScope>,
    operation: Option<String>,
    tenant: Option<String>,
    audience: Option<Resource>,
    /// for a proxy that makes a fault of its own of a 429
    limited: Option<Limited>,
    /// whether the call is left in the activity log
    record: bool,
}

/// How a spent limit is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limited {
    Forbidden,
}

impl Demand {
    fn told(&self, problem: Problem) -> Problem {
        match self.limited {
            Some(Limited::Forbidden) if problem.code() == Code::RateLimited => {
                problem.with_code(Code::Forbidden)
            }
            _ => problem,
        }
    }
}

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if !app.is_trusted_proxy(&request) {
        let detail =
            "this address is not in trusted_proxies; list the proxy there, or ask /api/v1/verify instead";
        return Err(refuse(Problem::forbidden(detail), "untrusted_proxy"));
    }
    let demand = read(&request).map_err(|problem| {
        // No verdict was given, so the problem names no reason; the header does, for the proxy's log.
        refuse(Problem::forbidden(problem.detail().to_owned()), "malformed_request")
    })?;
    let answer = ask(&app, &request, &demand).await;
    answer.map_err(|problem| match problem.reason() {
        Some(reason) => refuse(demand.told(problem), reason),
        // Nothing was presented, which a proxy's log calls by one name with what can't be read.
        None if problem.code() == Code::Unauthorized => refuse(problem, Reason::Malformed.word()),
        None => problem,
    })
}

async fn ask(app: &App, request: &HttpRequest, demand: &Demand) -> Result<HttpResponse, Problem> {
    let client_ip = told_client_ip(app, request);
    let presented = Presented::read(request, || forwarded(request));
    let presented = presented.map_err(|problem| app.failed(client_ip, problem))?;
    let asking = Asking {
        credential: Shown::Text(presented.text),
        showing: presented.showing(),
        client_ip,
        scopes: &demand.scopes,
        operation: demand.operation.as_deref(),
        tenant: demand.tenant.as_deref().map(|named| named_tenant(app, named)),
        audience: demand.audience.as_ref().map(Resource::as_str),
        reach: &Reach::All,
    };
    let judged = app.judge(&asking, Door::Authorize).await?;
    if demand.record {
        let context = RequestContext::of(request)?;
        let call = (client_ip, demand.operation.as_deref());
        app.record(&judged, &Went::default(), call, context.request_id.as_str());
    }
    if let Some(problem) = judged.refusal() {
        return Err(app.failed(client_ip, problem));
    }
    let known = judged.judgement.known.as_ref();
    let mut answer = accept(known.ok_or_else(|| Problem::internal("an accepted credential is known"))?);
    judged.tell_limit(answer.headers_mut());
    Ok(answer)
}

/// Without one, a key that has address rules is refused: they are never held against the proxy's own address.
fn told_client_ip(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let proxy = request.peer_addr()?.ip();
    let forwarded: Vec<&[u8]> =
        request.headers().get_all(X_FORWARDED_FOR).map(|value| value.as_bytes()).collect();
    client_ip_told(proxy, &app.trusted_proxies, forwarded.into_iter())
}

/// The request that the proxy asks about, as it tells it: `None` when it does not tell all of it, or tells a part twice and not the
/// same, since then one of the two may be the caller's.
fn forwarded(request: &HttpRequest) -> Option<(&str, HttpTarget)> {
    let one = |name: &str| {
        let mut values = request.headers().get_all(name);
        match (values.next(), values.next()) {
            (None, _) => Some(None),
            (Some(value), None) => value.to_str().ok().map(Some),
            (Some(_), Some(_)) => None,
        }
    };
    let told = |forwarded: &str, original: &str| match (one(forwarded)?, one(original)?) {
        (Some(forwarded), Some(original)) => (forwarded == original).then_some(forwarded),
        (forwarded, original) => forwarded.or(original),
    };
    let method = told("x-forwarded-method", "x-original-method")?;
    let path = told("x-forwarded-uri", "x-original-uri")?;
    let target = HttpTarget::of_parts(one("x-forwarded-proto")??, one("x-forwarded-host")??, path);
    Some((method, target.ok()?))
}

fn read(request: &HttpRequest) -> Result<Demand, Problem> {
    let query = Query::parse(request.query_string())?;
    query.decode(|query| {
        let scopes = query.repeated("scope", limits::SCOPES, ConcreteScope::parse);
        let operation = query.optional("operation", |text| Operation::read(text).map(Cow::into_owned));
        let tenant = query.optional("tenant", |text| TenantRef::read(text).map(Cow::into_owned));
        let audience = query.optional("audience", Resource::parse);
        let limited = query.optional("limited", |status| match status {
            "403" => Ok(Limited::Forbidden),
            _ => Err("expected 403"),
        });
        let record = query.boolean("record");
        let (scopes, operation, tenant) = (scopes?, operation?, tenant?);
        let (limited, record) = (limited?, record?.unwrap_or(false));
        Some(Demand { scopes, operation, tenant, audience: audience?, limited, record })
    })
}

fn refuse(problem: Problem, reason: &'static str) -> Problem {
    problem.with_header(REFUSAL, HeaderValue::from_static(reason))
}

fn accept(known: &Known) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let mut tell = |name: HeaderName, value: Result<HeaderValue, InvalidHeaderValue>| {
        if let Ok(value) = value {
            response.insert_header((name, value));
        }
    };
    tell(ID, id_value(known.credential_id.0));
    tell(KIND, Ok(HeaderValue::from_static(known.kind.word())));
    tell(NAME, HeaderValue::from_str(&percent_encoded(known.name.as_deref().unwrap_or_default())));
    tell(TENANT, id_value(known.tenant_id.0));
    let effective = known.effective();
    let told = joined_within(effective.scopes.iter().map(Scope::as_str), limits::SCOPES_HEADER_BYTES);
    // What was just written becomes the header itself, without a copy.
    tell(SCOPES, HeaderValue::from_maybe_shared(Bytes::from(told.text)));
    if told.is_cut || effective.truncated {
        tell(SCOPES_TRUNCATED, Ok(HeaderValue::from_static("true")));
    }
    tell(SECRET_ID, id_value(known.secret_id.0));
    response.finish()
}

fn id_value(id: Uuid) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

/// A name may hold any script; a header holds ASCII. RFC 3986's unreserved characters stay.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_fits_a_header() {
        assert_eq!(percent_encoded("ci-runner_1.0~x"), "ci-runner_1.0~x");
        assert_eq!(percent_encoded("Nächtlich / 夜"), "N%C3%A4chtlich%20%2F%20%E5%A4%9C");
    }
}
