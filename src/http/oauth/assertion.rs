//! A client that shows an assertion which it signed (RFC 7521, 4.2 and RFC 7523, 2.2). Whatever is wrong with it is answered as
//! for a wrong secret; what is told is only what the form itself lacks.

use actix_web::HttpRequest;

use super::client::{LetIn, admitted, asking};
use super::form::Form;
use super::{OAuthError, bound, invalid_client};
use crate::domain::access::Reason;
use crate::http::app::App;
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::verdict::Shown;
use crate::ledger::once::{self, Claim, Kind};
use crate::projections::active::Known;
use crate::tokens::assertion::{Assertion, TYPE};

const TEXT: &str = "client_assertion";
const OF_TYPE: &str = "client_assertion_type";

/// As it came; nothing of it was looked at.
pub struct Sent<'f> {
    text: &'f str,
    of_type: &'f str,
    client_id: Option<&'f str>,
}

/// Whether there is one, or a part of one.
pub fn is_sent(form: &Form<'_>) -> bool {
    form.one(TEXT).is_some() || form.one(OF_TYPE).is_some()
}

impl<'f> Sent<'f> {
    pub fn read(form: &'f Form<'f>) -> Result<Option<Self>, Problem> {
        let (text, of_type) = match (form.one(TEXT), form.one(OF_TYPE)) {
            (None, None) => return Ok(None),
            (Some(_), _) | (_, Some(_)) if form.one("client_secret").is_some() => {
                return Err(OAuthError::InvalidRequest
                    .because("there is a secret and an assertion in the body; send one of them"));
            }
            (Some(text), Some(of_type)) => (text, of_type),
            _ => {
                return Err(OAuthError::InvalidRequest
                    .because("client_assertion and client_assertion_type go together; send both"));
            }
        };
        Ok(Some(Sent { text, of_type, client_id: form.one("client_id") }))
    }

    /// That it was not shown before is claimed only for a client that is itself and may ask: nobody else fills the table. Then it
    /// is judged in earnest, since what is let in is let in as of now; so one that is shown again takes nothing of the rate limit.
    pub async fn let_in(self, app: &App, request: &HttpRequest, door: Door) -> Result<LetIn, Problem> {
        let failed = |problem| app.failed(app.client_ip(request), problem);
        let assertion = self.assertion().map_err(failed)?;
        let asking = asking(app, request, Shown::Assertion(&assertion));
        let known = match app.judge_ahead(&asking, door).await? {
            Ok(known) => known,
            Err(judged) => {
                admitted(app, request, &judged)?;
                return Err(judged.refusal().unwrap_or_else(invalid_client));
            }
        };
        if door == Door::Token {
            bound::tells_nonce(app, request)?;
        }
        claim(app, &assertion, &known).await.map_err(failed)?;
        let judged = app.judge(&asking, door).await?;
        admitted(app, request, &judged)?;
        Ok(LetIn { id: assertion.client_id().to_owned(), judged })
    }

    fn assertion(&self) -> Result<Assertion<'f>, Problem> {
        let assertion = Assertion::read(self.text).map_err(|fault| not_proved().with_cause(fault))?;
        let same = self.client_id.is_none_or(|id| id == assertion.client_id());
        if self.of_type != TYPE || !same {
            return Err(not_proved().with_cause("its type is unknown, or client_id names another client"));
        }
        Ok(assertion)
    }
}

/// That it was not shown before. Durable before anything leaves; when that can't be said, nothing does.
async fn claim(app: &App, assertion: &Assertion<'_>, client: &Known) -> Result<(), Problem> {
    let claim = Claim {
        kind: Kind::Assertion,
        tenant: client.tenant_id,
        credential: client.credential_id,
        id: assertion.id(),
        until: once::kept_until(assertion.refused_from()),
    };
    match app.once.claim(&claim).await? {
        true => Ok(()),
        false => Err(not_proved().with_cause("the assertion was shown before")),
    }
}

/// As for a wrong secret: also for whoever counts guesses.
fn not_proved() -> Problem {
    invalid_client().with_reason(Reason::NotFound.word())
}
