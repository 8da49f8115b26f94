//! One way from a presented text to a verdict, for every door that asks; and how a verdict reads.

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::app::{App, misfit_detail, not_answering};
use super::conneg;
use super::limited::{self, Held};
use super::metrics::{Door, Outcome, Quota};
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::domain::access::{Reason, Refused, Request};
use crate::domain::credential::SecretStatus;
use crate::domain::ids::TenantId;
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::projections::active::{Judgement, Known, NotAnswering};

/// What is asked of a credential.
pub struct Asking<'a> {
    pub credential: &'a str,
    pub client_ip: Option<IpAddr>,
    pub scopes: &'a [ConcreteScope],
    pub operation: Option<&'a str>,
    pub tenant: Option<TenantId>,
    pub reach: &'a Reach,
}

const RATE_LIMITED: &str =
    "The credential is used more often than its rate limit allows. Wait, then ask again.";

/// Room for an answer of the usual size, so that it's written without growing.
const USUAL_BYTES: usize = 512;

/// A verdict on its way out.
pub struct Judged {
    pub judgement: Judgement,
    pub decision_id: Uuid,
    /// of an accepted call, unless its credential has none; once it is spent, the call is refused after all
    held: Option<Held>,
}

impl App {
    /// Judges under a lease that holds to the end of it.
    pub async fn judge(&self, asking: &Asking<'_>, door: Door) -> Result<Judged, Problem> {
        let judgement = self.leased(|now| self.verdict(asking, now)).await?;
        self.counted(judgement, door)
    }

    /// Judges many at one instant, under one lease that holds from before the first until after the last. Each is asked anew
    /// for each look.
    pub async fn judge_all<'q, Q>(
        &self,
        questions: &'q [Q],
        asking: impl Fn(&'q Q) -> Asking<'q>,
        door: Door,
    ) -> Result<Vec<Judged>, Problem> {
        let look = |now| -> Vec<_> {
            questions.iter().map(|question| self.verdict(&asking(question), now)).collect()
        };
        let judgements = self.leased(look).await?;
        judgements.into_iter().map(|judgement| self.counted(judgement, door)).collect()
    }

    fn verdict(&self, asking: &Asking<'_>, now: Timestamp) -> Result<Judgement, NotAnswering> {
        let request = Request {
            client_ip: asking.client_ip,
            scopes: asking.scopes,
            operation: asking.operation,
            tenant: asking.tenant,
            reach: asking.reach,
        };
        self.view.judge(self.ledger.vault(), asking.credential, &request, now)
    }

    fn counted(&self, judgement: Result<Judgement, NotAnswering>, door: Door) -> Result<Judged, Problem> {
        let judgement = judgement.map_err(|_| not_answering())?;
        let held = self.held(&judgement, door);
        let outcome = match &judgement.verdict {
            Err(refused) => Outcome::Refused(refused.reason),
            Ok(_) if held.is_some_and(|held| held.is_spent()) => Outcome::RateLimited,
            Ok(_) => Outcome::Accepted,
        };
        self.metrics.count(door, outcome);
        let decision_id = self.metrics.decisions.next(judgement.judged_at);
        Ok(Judged { judgement, decision_id, held })
    }

    /// The limiter stands behind the verdict and is no part of it. Whoever ends a secret is never told to wait.
    fn held(&self, judgement: &Judgement, door: Door) -> Option<Held> {
        let known = judgement.known.as_ref().filter(|_| judgement.verdict.is_ok())?;
        let limit = known.rate_limit.filter(|_| door != Door::SelfRevoke)?;
        Some(Held { limit, outcome: self.limiter.credential(known.credential_id, limit) })
    }
}

impl Judged {
    pub fn refused(&self) -> Option<&Refused> {
        self.judgement.verdict.as_ref().err()
    }

    /// Why the call is not let through, as a problem for a caller who presented its own credential.
    pub fn refusal(&self) -> Option<Problem> {
        if let Some(refused) = self.refused() {
            return Some(self.problem(refused));
        }
        let held = self.held?;
        let left = held.outcome.err()?;
        Some(limited::spent(Quota::Credential, held.limit, left, RATE_LIMITED))
    }

    /// What is left of its limit, for a caller who presented its own credential.
    pub fn tell_limit(&self, headers: &mut HeaderMap) {
        for (name, value) in self.held.iter().flat_map(|held| held.headers(Quota::Credential)) {
            headers.insert(name, value);
        }
    }

    fn detail(&self, reason: Reason) -> &'static str {
        if reason == Reason::Malformed { misfit_detail(self.judgement.misfit) } else { reason.detail() }
    }

    /// The refusal as a problem, for a caller who presented its own credential: 401 when it does not work, 403 when the
    /// call goes beyond it.
    pub fn problem(&self, refused: &Refused) -> Problem {
        let (reason, detail) = (refused.reason, self.detail(refused.reason));
        match reason {
            Reason::InsufficientScope => {
                Problem::insufficient_scope(refused.missing_scopes.iter().map(ToString::to_string).collect())
            }
            reason if reason.is_about_the_call() => Problem::forbidden(detail).with_reason(reason.word()),
            reason => Problem::credential_refused(reason.word(), detail),
        }
    }

    /// Refused, or one call too many.
    fn serialize_outcome<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(refused) = self.refused() else {
            map.serialize_entry("valid", &!self.is_limited())?;
            if self.is_limited() {
                map.serialize_entry("reason", "rate_limited")?;
                map.serialize_entry("detail", RATE_LIMITED)?;
            }
            return Ok(());
        };
        map.serialize_entry("valid", &false)?;
        map.serialize_entry("reason", refused.reason.word())?;
        map.serialize_entry("detail", self.detail(refused.reason))?;
        if refused.reason == Reason::InsufficientScope {
            map.serialize_entry("missing_scopes", &refused.missing_scopes)?;
        }
        Ok(())
    }

    fn is_limited(&self) -> bool {
        self.held.is_some_and(|held| held.is_spent())
    }

    fn serialize_known<M: SerializeMap>(known: &Known, accepted: bool, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("kind", known.kind.word())?;
        map.serialize_entry("credential_id", &known.credential_id)?;
        map.serialize_entry("secret_id", &known.secret_id)?;
        map.serialize_entry("prefix", &*known.prefix)?;
        map.serialize_entry("name", &known.name.as_deref())?;
        map.serialize_entry("tenant_id", &known.tenant_id)?;
        if accepted {
            let effective = known.effective();
            map.serialize_entry("scopes", known.scopes())?;
            map.serialize_entry("effective_scopes", &effective.scopes)?;
            if effective.truncated {
                map.serialize_entry("scopes_truncated", &true)?;
            }
            map.serialize_entry("owner", &known.owner.as_ref().map(|owner| owner.id))?;
            map.serialize_entry("secret_status", &known.secret_status)?;
            map.serialize_entry("expires_at", &earliest(known))?;
        }
        Ok(())
    }
}

/// When the secret stops working, as far as is known by now.
fn earliest(known: &Known) -> Option<Timestamp> {
    let own = known.secret_ends_at.filter(|_| known.secret_status == SecretStatus::Expiring);
    own.into_iter().chain(known.expires_at).min()
}

impl Judged {
    /// The answer of a door that tells all.
    pub fn answer(&self) -> HttpResponse {
        const JSON: HeaderValue = HeaderValue::from_static(conneg::JSON);
        let mut body = Vec::with_capacity(USUAL_BYTES);
        match serde_json::to_writer(&mut body, self) {
            Ok(()) => HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body),
            Err(cause) => HttpResponse::from_error(Problem::internal(cause)),
        }
    }
}

impl Serialize for Judged {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let refused = self.refused();
        self.serialize_outcome(&mut map)?;
        if let Some(known) = &self.judgement.known {
            Self::serialize_known(known, refused.is_none() && !self.is_limited(), &mut map)?;
        }
        if refused.is_none() {
            map.serialize_entry("rate_limit", &self.held.as_ref().map(Told))?;
        }
        map.serialize_entry("position", &self.judgement.position)?;
        map.serialize_entry("judged_at", &self.judgement.judged_at)?;
        map.serialize_entry("decision_id", &self.decision_id)?;
        map.end()
    }
}

/// A limit in the body of an answer.
struct Told<'a>(&'a Held);

impl Serialize for Told<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("limit", &self.0.limit.requests())?;
        map.serialize_entry("remaining", &self.0.remaining())?;
        map.serialize_entry("reset_seconds", &self.0.reset_seconds())?;
        map.end()
    }
}
