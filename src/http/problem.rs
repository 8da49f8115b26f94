//! The one error of handlers: an RFC 9457 problem with a public half, and where there is one an internal cause that
//! only the log sees.
//!
//! `type` is the relative reference `/docs/problems#<code>`: it resolves against any installation to the page that
//! this installation serves, and stays the same text on all of them, so clients may compare it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;

pub use super::code::Code;
use super::joined::joined_within;
use super::request_id::RequestId;
use crate::db::Chain;
use crate::limits;

pub const MEDIA_TYPE: &str = "application/problem+json";
const REALM: &str = "Bearer realm=\"credledger\"";

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    #[serde(flatten)]
    pub place: FaultPlace,
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// The same fault, told from an outer document in which this one stands at `pointer`.
    pub fn within(&self, pointer: &str) -> Fault {
        let place = match &self.place {
            FaultPlace::Pointer(inner) => FaultPlace::Pointer(format!("{pointer}{inner}")),
            other => other.clone(),
        };
        Fault { place, detail: self.detail.clone() }
    }
}

/// A JSON pointer into the body (RFC 6901), or the name of a query parameter or header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultPlace {
    Pointer(String),
    Parameter(String),
    Header(&'static str),
}

pub struct Problem(Box<Inner>);

/// Boxed, so that the good way of a `Result` stays small.
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    reason: Option<&'static str>,
    missing_scopes: Vec<String>,
    faults: Vec<Fault>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    closes: bool,
    /// the error's name where OAuth is spoken
    oauth: Option<&'static str>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    missing_scopes: &'a [String],
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem(Box::new(Inner {
            code,
            detail: detail.into(),
            reason: None,
            missing_scopes: Vec::new(),
            faults: Vec::new(),
            headers: Vec::new(),
            closes: false,
            oauth: None,
            cause: None,
        }))
    }

    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// Every fault that was found, at most [`crate::limits::LISTED_ERRORS`] of them.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] => Cow::Owned(only.to_string()),
            several => Cow::Owned(format!("{} things are wrong with it; see errors", several.len())),
        };
        let mut problem = Self::invalid(detail);
        problem.0.faults = faults;
        problem
    }

    pub fn parameter(name: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::faults(vec![Fault { place: FaultPlace::Parameter(name.to_owned()), detail: detail.into() }])
    }

    pub fn invalid_header(name: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::faults(vec![Fault { place: FaultPlace::Header(name), detail: detail.into() }])
    }

    /// Nothing was presented at all: the challenge then names no error (RFC 6750, 3.1).
    pub fn credential_missing() -> Self {
        Self::new(Code::Unauthorized, "send the credential as `Authorization: Bearer …`")
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(REALM))
    }

    /// Something was presented and is not accepted.
    pub fn credential_refused(reason: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        const CHALLENGE: &str = "Bearer realm=\"credledger\", error=\"invalid_token\"";
        Self::new(Code::Unauthorized, detail)
            .with_reason(reason)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
    }

    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    pub fn insufficient_scope(missing: Vec<String>) -> Self {
        let told = joined_within(missing.iter().map(String::as_str), limits::CHALLENGE_SCOPES_BYTES);
        let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{}\"", told.text);
        let detail = format!("it lacks the scope {}", missing.join(" "));
        let mut problem = Self::forbidden(detail).with_reason("insufficient_scope");
        // Scope words are plain ASCII; one that is not would only cost the challenge its list.
        let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static(REALM));
        problem.0.missing_scopes = missing;
        problem.with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Also for what belongs to another tenant, and for ids that cannot be read: all three look alike.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing at this address that this credential may see")
    }

    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        let methods = String::from_utf8_lossy(allow.as_bytes()).into_owned();
        Self::new(Code::MethodNotAllowed, format!("use one of {methods}")).with_header(header::ALLOW, allow)
    }

    pub fn not_acceptable(offers: &[&str]) -> Self {
        Self::new(Code::NotAcceptable, format!("this route offers {}", offers.join(", ")))
    }

    /// The body is not read to its end, so the connection closes with this answer.
    pub fn too_large(limit: usize) -> Self {
        let mut problem = Self::new(Code::TooLarge, format!("a body here has at most {limit} bytes"));
        problem.0.closes = true;
        problem
    }

    pub fn request_timeout() -> Self {
        let mut problem = Self::new(Code::RequestTimeout, "the body did not arrive in time; send it again");
        problem.0.closes = true;
        problem
    }

    pub fn rate_limited(retry_after_seconds: u32, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::RateLimited, detail)
            .with_reason("rate_limited")
            .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    pub fn unavailable(retry_after_seconds: u32, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::retry_later(Code::Unavailable, retry_after_seconds, detail)
    }

    /// For the 503 codes: unavailable, behind, outcome_unknown.
    pub fn retry_later(code: Code, retry_after_seconds: u32, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, detail).with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// The caller reads a plain sentence; the cause goes to the log once, with the request id, when this is answered.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "the fault is on this side and has been logged under this request id")
            .with_cause(cause)
    }

    /// The internal half of a problem whose public half says something else.
    pub fn with_cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// The same, told by another status.
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Told by this name of RFC 6749 on the routes that speak it.
    pub fn as_oauth(mut self, error: &'static str) -> Self {
        self.0.oauth = Some(error);
        self
    }

    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn reason(&self) -> Option<&'static str> {
        self.0.reason
    }

    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// With more to know of it, behind what it says.
    pub fn and_told(mut self, more: impl fmt::Display) -> Self {
        self.0.detail = format!("{}; {more}", self.0.detail).into();
        self
    }

    pub fn listed(&self) -> &[Fault] {
        &self.0.faults
    }

    /// The answer as it leaves. The middleware calls this, once, and so the cause is logged once.
    pub fn answer(&self, request_id: &RequestId) -> HttpResponse {
        self.log_cause(request_id);
        self.render(request_id)
    }

    /// The same on a route that speaks RFC 6749 (5.2).
    pub fn oauth_answer(&self, request_id: &RequestId) -> HttpResponse {
        self.log_cause(request_id);
        let mut response = self.head();
        response.insert_header((header::PRAGMA, "no-cache"));
        // What may stand in a description: printable ASCII but `"` and `\\`.
        let plain = |letter: char| {
            if matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\') { letter } else { '\'' }
        };
        let description: String = self.0.detail.chars().map(plain).collect();
        response.json(serde_json::json!({"error": self.oauth_error(), "error_description": description}))
    }

    fn oauth_error(&self) -> &'static str {
        self.0.oauth.unwrap_or(match self.0.code {
            Code::RateLimited | Code::Unavailable | Code::Behind | Code::OutcomeUnknown => {
                "temporarily_unavailable"
            }
            Code::Internal => "server_error",
            Code::Unauthorized => "invalid_client",
            Code::Forbidden => "access_denied",
            _ => "invalid_request",
        })
    }

    /// Status and headers, which are the same in every form.
    fn head(&self) -> HttpResponseBuilder {
        let inner = &self.0;
        let mut response = HttpResponseBuilder::new(inner.code.status());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        for (name, value) in &inner.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if inner.code == Code::Unauthorized
            && !inner.headers.iter().any(|(h, _)| h == header::WWW_AUTHENTICATE)
        {
            response.insert_header((header::WWW_AUTHENTICATE, REALM));
        }
        if inner.closes {
            response.force_close();
        }
        response
    }

    /// For one that is told within an answer.
    pub fn log_cause(&self, request_id: &RequestId) {
        if let Some(cause) = &self.0.cause {
            self.log(cause.as_ref(), request_id);
        }
    }

    /// An error is a fault of ours alone. While the database is away its rooms say so, once; and what callers do wrong they are
    /// told themselves.
    fn log(&self, cause: &(dyn StdError + Send + Sync + 'static), request_id: &RequestId) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "http",
                    request_id = request_id.as_str(),
                    code = self.0.code.text(),
                    cause = %Chain(cause),
                    "a request failed"
                )
            };
        }
        match self.0.code {
            Code::Internal => line!(error),
            _ => line!(debug),
        }
    }

    fn render(&self, request_id: &RequestId) -> HttpResponse {
        let inner = &self.0;
        let mut response = self.head();
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
        let document = Document {
            r#type: inner.code.kind(),
            title: inner.code.title(),
            status: inner.code.status().as_u16(),
            detail: &inner.detail,
            code: inner.code.text(),
            reason: inner.reason,
            missing_scopes: &inner.missing_scopes,
            request_id: request_id.as_str(),
            errors: &inner.faults,
        };
        response.body(serde_json::to_vec(&document).unwrap_or_default())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    /// Only the status: [`super::request::Manners`] puts the final answer in its place.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.text(), self.0.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({self}")?;
        if let Some(cause) = &self.0.cause {
            write!(f, ", because {}", Chain(cause.as_ref()))?;
        }
        for fault in &self.0.faults {
            write!(f, "; {fault}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            FaultPlace::Pointer(pointer) if pointer.is_empty() => write!(f, "the body: {}", self.detail),
            FaultPlace::Pointer(place) | FaultPlace::Parameter(place) => {
                write!(f, "{place}: {}", self.detail)
            }
            FaultPlace::Header(name) => write!(f, "{name}: {}", self.detail),
        }
    }
}
