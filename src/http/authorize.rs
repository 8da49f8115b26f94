//! /api/v1/authorize: forward-auth for a proxy. Any method, body ignored; only 200, 401, 403 or 503, since a proxy turns
//! anything else into an error of its own.

use std::net::IpAddr;

use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue, X_FORWARDED_FOR};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::App;
use super::bearer::bearer;
use super::client_ip::client_ip_told;
use super::metrics::Door;
use super::problem::Problem;
use super::query::Query;
use super::verdict::Asking;
use super::verify::named_tenant;
use crate::domain::access::Reason;
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::limits;
use crate::projections::active::Known;

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
    let malformed = |problem| refuse(problem, Reason::Malformed.word());
    let token = match bearer(request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes())) {
        Ok(Some(token)) => token,
        Ok(None) => return Err(malformed(Problem::credential_missing())),
        Err(error) => {
            return Err(malformed(Problem::credential_refused(Reason::Malformed.word(), error.detail())));
        }
    };
    let asking = Asking {
        credential: token,
        client_ip: told_client_ip(&app, &request),
        scopes: &demand.scopes,
        operation: demand.operation.as_deref(),
        tenant: demand.tenant.as_deref().map(|named| named_tenant(&app, named)),
        reach: &Reach::All,
    };
    let judged = app.judge(&asking, Door::Authorize).await?;
    app.still_leased()?;
    if let Some(refused) = judged.refused() {
        return Err(refuse(judged.problem(refused), refused.reason.word()));
    }
    let known = judged.judgement.known.ok_or_else(|| Problem::internal("an accepted credential is known"))?;
    Ok(accept(&known))
}

/// Without one, a key that has address rules is refused: they are never held against the proxy's own address.
fn told_client_ip(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let proxy = request.peer_addr()?.ip();
    let forwarded: Vec<&[u8]> =
        request.headers().get_all(X_FORWARDED_FOR).map(|value| value.as_bytes()).collect();
    client_ip_told(proxy, &app.trusted_proxies, forwarded.into_iter())
}

fn read(request: &HttpRequest) -> Result<Demand, Problem> {
    let query = Query::parse(request.query_string())?;
    query.decode(|query| {
        let scopes = query.repeated("scope", limits::SCOPES, ConcreteScope::parse);
        let text = |text: &str| Ok::<_, std::convert::Infallible>(text.to_owned());
        let operation = query.optional("operation", text);
        let tenant = query.optional("tenant", text);
        Some(Demand { scopes: scopes?, operation: operation?, tenant: tenant? })
    })
}

fn refuse(problem: Problem, reason: &'static str) -> Problem {
    problem.with_header(REFUSAL, HeaderValue::from_static(reason))
}

fn accept(known: &Known) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let mut tell = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.insert_header((name, value));
        }
    };
    tell(ID, &known.credential_id.to_string());
    tell(KIND, known.kind.word());
    tell(NAME, &percent_encoded(known.name.as_deref().unwrap_or_default()));
    tell(TENANT, &known.tenant_id.to_string());
    let scopes: Vec<&str> = known.scopes().iter().map(|scope| scope.as_str()).collect();
    let told = joined_within(&scopes, limits::SCOPES_HEADER_BYTES);
    tell(SCOPES, &told.text);
    if told.is_cut {
        tell(SCOPES_TRUNCATED, "true");
    }
    tell(SECRET_ID, &known.secret_id.to_string());
    response.finish()
}

struct Joined {
    text: String,
    is_cut: bool,
}

/// As many whole words as fit, joined by spaces.
fn joined_within(words: &[&str], most: usize) -> Joined {
    let mut text = String::new();
    for word in words {
        let gap = if text.is_empty() { "" } else { " " };
        if text.len() + gap.len() + word.len() > most {
            return Joined { text, is_cut: true };
        }
        text.push_str(gap);
        text.push_str(word);
    }
    Joined { text, is_cut: false }
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
    fn a_list_is_cut_between_words() {
        let cases: [(&[&str], &str, bool); 6] = [
            (&[], "", false),
            (&["abc", "def"], "abc def", false),
            (&["abc", "defg"], "abc", true),
            (&["abc", "defg", "h"], "abc", true),
            (&["abcdefg"], "abcdefg", false),
            (&["abcdefgh"], "", true),
        ];
        for (words, text, is_cut) in cases {
            let joined = joined_within(words, 7);
            assert_eq!((joined.text.as_str(), joined.is_cut), (text, is_cut), "{words:?}");
        }
    }

    #[test]
    fn a_name_of_any_script_fits_a_header() {
        assert_eq!(percent_encoded("ci-runner_1.0~x"), "ci-runner_1.0~x");
        assert_eq!(percent_encoded("Nächtlich / 夜"), "N%C3%A4chtlich%20%2F%20%E5%A4%9C");
    }
}
