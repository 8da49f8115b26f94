//! Who asks: a client, by its id and secret in the header or in the body (RFC 6749, 2.3.1), or by an assertion that it signed
//! (RFC 7523, 2.2); never by two of these.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::form::Form;
use super::{OAuthError, assertion, invalid_client};
use crate::domain::access::Reason;
use crate::domain::secret::PlainSecret;
use crate::http::app::App;
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::proof::Showing;
use crate::http::query::unescaped;
use crate::http::verdict::{Asking, Judged, Shown};
use crate::ledger::imports::read_base64;
use crate::projections::active::Known;

/// What a client shows of itself.
pub enum ClientShown<'f> {
    Secret { id: String, secret: PlainSecret },
    Assertion(assertion::Sent<'f>),
}

/// A client that was let in.
pub struct LetIn {
    pub id: String,
    pub judged: Judged,
}

impl LetIn {
    pub fn known(&self) -> Result<&Known, Problem> {
        self.judged.judgement.known.as_ref().ok_or_else(|| Problem::internal("an accepted client is known"))
    }
}

/// Whether the body shows who asks, whatever the header says.
pub fn is_shown_in_body(form: &Form<'_>) -> bool {
    form.one("client_secret").is_some() || assertion::is_sent(form)
}

impl<'f> ClientShown<'f> {
    pub fn read(request: &HttpRequest, form: &'f Form<'f>) -> Result<Self, Problem> {
        // Whatever the header says: it is a second way of showing who asks.
        if is_shown_in_body(form) && request.headers().contains_key(AUTHORIZATION) {
            return Err(OAuthError::InvalidRequest.because(
                "there is an Authorization header, and a secret or an assertion in the body; send one of them",
            ));
        }
        if let Some(sent) = assertion::Sent::read(form)? {
            return Ok(ClientShown::Assertion(sent));
        }
        match (basic(request)?, form.one("client_id"), form.one("client_secret")) {
            (Some((own, _)), Some(id), _) if own != id => Err(OAuthError::InvalidRequest
                .because("client_id is another one than in the Authorization header; send it once")),
            (Some((id, secret)), ..) => Ok(ClientShown::Secret { id, secret }),
            (None, Some(id), Some(secret)) => {
                Ok(ClientShown::Secret { id: id.to_owned(), secret: PlainSecret::new(secret.to_owned()) })
            }
            (None, ..) => Err(invalid_client()),
        }
    }

    /// Its state, its tenant, its owner and the address it asks from, judged as for any call.
    pub async fn let_in(self, app: &App, request: &HttpRequest, door: Door) -> Result<LetIn, Problem> {
        match self {
            ClientShown::Assertion(sent) => sent.let_in(app, request, door).await,
            ClientShown::Secret { id, secret } => {
                let shown = Shown::Client { id: &id, secret: secret.reveal() };
                let judged = app.judge(&asking(app, request, shown), door).await?;
                admitted(app, request, &judged)?;
                Ok(LetIn { id, judged })
            }
        }
    }
}

pub(super) fn asking<'a>(app: &App, request: &HttpRequest, credential: Shown<'a>) -> Asking<'a> {
    Asking::at_all(credential, Showing::Bearer, app.client_ip(request))
}

pub(super) fn admitted(app: &App, request: &HttpRequest, judged: &Judged) -> Result<(), Problem> {
    let Some(refused) = judged.refused() else { return Ok(()) };
    let problem = match judged.disproved {
        Some(fault) => invalid_client().with_cause(fault),
        None => invalid_client(),
    };
    // Only a guess counts against the address that it came from.
    Err(match refused.reason {
        Reason::NotFound => app.failed(app.client_ip(request), problem.with_reason(refused.reason.word())),
        _ => problem,
    })
}

/// Id and secret. Both halves are decoded as a form is, which changes neither an id nor a secret of ours. `None` without such a
/// header.
fn basic(request: &HttpRequest) -> Result<Option<(String, PlainSecret)>, Problem> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(OAuthError::InvalidRequest
            .because("the Authorization header is there more than once; send it once"));
    }
    let read = || {
        let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
        let decoded = read_base64(text).filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let [id, secret] = [unescaped(id), unescaped(secret)].map(|half| half.ok().map(Cow::into_owned));
        Some((id?, PlainSecret::new(secret?)))
    };
    read().map(Some).ok_or_else(invalid_client)
}
