//! Plain pages: no script, nothing from elsewhere, in nobody's frame.

use std::fmt::Write as _;
use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, RETRY_AFTER, SET_COOKIE};

use crate::http::app::App;
use crate::http::cookie;
use crate::http::problem::{Code, Problem};
use crate::http::request::RequestContext;
use crate::http::session::Known;
use crate::limits;
use crate::people::Denied;

/// `same-origin`, not `no-referrer`: under the latter a browser hides the origin of its own forms.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

pub fn stranger(app: &App) -> HttpResponse {
    let sign_in = escaped(&app.page_at("/console/sign-in"));
    page(StatusCode::OK, "Not signed in", &format!("<p><a href=\"{sign_in}\">Sign in</a>\n"))
}

pub fn home(app: &App, known: &Known) -> HttpResponse {
    let name = known.operator.entry.name.as_deref().unwrap_or("an operator without a name");
    let ends = app.people.as_ref().map(|people| people.sessions.ends(&known.session).0);
    let ends = ends.map_or_else(String::new, |at| format!(" This session ends at {at} at the latest."));
    let (name, role) = (escaped(name), known.operator.entry.role.word());
    let out = escaped(&app.page_at("/console/sign-out"));
    let everywhere = escaped(&app.page_at("/console/sign-out-everywhere"));
    let body = format!(
        "<p>You are <b>{name}</b>, role <b>{role}</b>.{ends}\n\
         <form method=\"post\" action=\"{out}\"><button>Sign out</button></form>\n\
         <form method=\"post\" action=\"{everywhere}\"><button>Sign out everywhere</button></form>\n"
    );
    page(StatusCode::OK, "Signed in", &body)
}

/// What the browser hears is what to do next; why it is so stands in the log, under the same request id. An address that is
/// denied again and again is told to wait.
pub fn denied(
    app: &App,
    denied: &Denied,
    context: &RequestContext,
    from: Option<IpAddr>,
) -> Result<HttpResponse, Problem> {
    let (request_id, outcome) = (context.request_id.as_str(), denied.outcome());
    let client_ip = from.map(tracing::field::display);
    tracing::warn!(target: "sign_in", outcome, why = %denied, client_ip, request_id, "nobody was signed in");
    if !denied.is_passing() {
        let told = app.failed(from, Problem::credential_refused("not_found", ""));
        if told.code() == Code::RateLimited {
            return Err(told);
        }
    }
    let again = format!("<p><a href=\"{}\">Sign in again</a>\n", escaped(&app.page_at("/console/sign-in")));
    let reference = format!("<p>Reference: <code>{}</code>\n", escaped(request_id));
    let (status, what) = match denied {
        denied if denied.is_passing() => (
            StatusCode::SERVICE_UNAVAILABLE,
            "<p>Signing in is not possible at the moment. Try again in a while.\n",
        ),
        denied if denied.is_of_the_attempt() => (
            StatusCode::BAD_REQUEST,
            "<p>This sign-in can't be completed: it took too long, was completed before, or was begun in another browser.\n",
        ),
        _ => (
            StatusCode::FORBIDDEN,
            "<p>You were not signed in. Ask an administrator of this service, and tell them the reference below: the \
             service's log says why.\n",
        ),
    };
    let mut response = page(status, "Not signed in", &format!("{what}{again}{reference}"));
    response.headers_mut().insert(SET_COOKIE, cookie::gone(cookie::SIGN_IN)?);
    if denied.is_passing() {
        response.headers_mut().insert(RETRY_AFTER, limits::RETRY_AFTER_SECONDS.into());
    }
    Ok(response)
}

fn page(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    for header in HEADERS {
        response.insert_header(header);
    }
    response.content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>body{{font:16px/1.5 sans-serif;max-width:36em;margin:2em auto;padding:0 1em}}</style>\n\
         <h1>{title}</h1>\n{body}"
    ))
}

fn escaped(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a String does not fail.
                let _ = write!(text, "&#{};", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_of_a_name_is_taken_for_markup() {
        assert_eq!(super::escaped("<a href='x'>&\""), "&#60;a href=&#39;x&#39;&#62;&#38;&#34;");
    }
}
