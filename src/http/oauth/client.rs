//! Who asks: a client, by id and secret in the header or in the body (RFC 6749, 2.3.1), never both.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::form::Form;
use super::{OAuthError, invalid_client};
use crate::domain::access::Reason;
use crate::domain::operator::Reach;
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
pub struct ClientShown {
    pub id: String,
    secret: PlainSecret,
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

impl ClientShown {
    pub fn read(request: &HttpRequest, form: &Form<'_>) -> Result<Self, Problem> {
        let in_body = form.one("client_secret");
        // Whatever the header says: it is a second way of showing who asks.
        if in_body.is_some() && request.headers().contains_key(AUTHORIZATION) {
            return Err(OAuthError::InvalidRequest
                .because("there is an Authorization header and a secret in the body; send one of them"));
        }
        match (basic(request)?, form.one("client_id"), in_body) {
            (Some(shown), Some(id), _) if shown.id != id => Err(OAuthError::InvalidRequest
                .because("client_id is another one than in the Authorization header; send it once")),
            (Some(shown), ..) => Ok(shown),
            (None, Some(id), Some(secret)) => {
                Ok(ClientShown { id: id.to_owned(), secret: PlainSecret::new(secret.to_owned()) })
            }
            (None, ..) => Err(invalid_client()),
        }
    }

    /// Its state, its tenant, its owner and the address it asks from, judged as for any call.
    pub async fn let_in(self, app: &App, request: &HttpRequest, door: Door) -> Result<LetIn, Problem> {
        let client_ip = app.client_ip(request);
        let asking = Asking {
            credential: Shown::Client { id: &self.id, secret: self.secret.reveal() },
            showing: Showing::Bearer,
            client_ip,
            scopes: &[],
            operation: None,
            tenant: None,
            reach: &Reach::All,
        };
        let judged = app.judge(&asking, door).await?;
        match judged.refused() {
            None => Ok(LetIn { id: self.id, judged }),
            // Only a guess counts against the address that it came from.
            Some(refused) if refused.reason == Reason::NotFound => {
                Err(app.failed(client_ip, invalid_client().with_reason(refused.reason.word())))
            }
            Some(_) => Err(invalid_client()),
        }
    }
}

/// Both halves are decoded as a form is, which changes neither an id nor a secret of ours. `None` without such a header.
fn basic(request: &HttpRequest) -> Result<Option<ClientShown>, Problem> {
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
        Some(ClientShown { id: id?, secret: PlainSecret::new(secret?) })
    };
    read().map(Some).ok_or_else(invalid_client)
}
