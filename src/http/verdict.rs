//! One way from a presented text to a verdict, for every door that asks.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, WWW_AUTHENTICATE};
use uuid::Uuid;

use super::app::{App, misfit_detail, not_answering};
use super::claimed::{in_time, settled};
use super::limited::{self, Held};
use super::metrics::{Door, Outcome, Quota};
use super::problem::Problem;
use super::proof::{self, Showing, Shows};
use crate::activity::usage::{self, Use};
use crate::clock::Timestamp;
use crate::domain::access::{Possession, Reason, Refused, Request};
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::operator::Reach;
use crate::domain::rate_limit::RateLimit;
use crate::domain::scope::ConcreteScope;
use crate::limiter::Spent;
use crate::limits;
use crate::projections::active::{Judgement, Known, NotAnswering};
use crate::tokens::assertion::{Assertion, AssertionFault};
use crate::tokens::check::{check, is_shaped_as_token};
use crate::tokens::claims::Claims;
use crate::tokens::dpop::{Proof, ProofFault};

/// What is shown of a credential.
#[derive(Clone, Copy)]
pub enum Shown<'a> {
    /// a key's text, or an access token's
    Text(&'a str),
    Client {
        id: &'a str,
        secret: &'a str,
    },
    /// in which a client says that it is itself
    Assertion(&'a Assertion<'a>),
}

/// What is asked of a credential.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub credential: Shown<'a>,
    pub showing: Showing<'a>,
    pub client_ip: Option<IpAddr>,
    pub scopes: &'a [ConcreteScope],
    pub operation: Option<&'a str>,
    pub tenant: Option<TenantId>,
    /// whom an access token has to be for
    pub audience: Option<&'a str>,
    pub reach: &'a Reach,
}

impl<'a> Asking<'a> {
    /// Whether it works at all: for nothing in particular, wherever it belongs.
    pub fn at_all(credential: Shown<'a>, showing: Showing<'a>, client_ip: Option<IpAddr>) -> Self {
        Asking {
            credential,
            showing,
            client_ip,
            scopes: &[],
            operation: None,
            tenant: None,
            audience: None,
            reach: &Reach::All,
        }
    }
}

pub(super) const RATE_LIMITED: &str =
    "The credential is used more often than its rate limit allows. Wait, then ask again.";

/// A verdict on its way out.
pub struct Judged {
    pub judgement: Judgement,
    pub decision_id: Uuid,
    /// what an access token says, where it is one of ours
    pub claims: Option<Claims>,
    /// why an assertion proves nothing
    pub disproved: Option<AssertionFault>,
    /// why what was shown as a proof is none
    fault: Option<ProofFault>,
    /// it was shown with a proof, or what was shown as one
    with_proof: bool,
    /// of an accepted call, unless its credential has none; once it is spent, the call is refused after all
    pub(super) held: Option<Held>,
}

/// What one look finds.
struct Looked {
    judgement: Judgement,
    claims: Option<Claims>,
    shows: Shows,
    disproved: Option<AssertionFault>,
}

/// The proof that a verdict stands on, and whose it is. It has to be claimed before the verdict leaves; of all that is refused
/// nothing is.
fn to_be_claimed(looked: &Result<Looked, NotAnswering>) -> Option<(&Known, &Proof)> {
    let looked = looked.as_ref().ok()?;
    let known = looked.judgement.known.as_ref().filter(|_| looked.judgement.verdict.is_ok())?;
    Some((known, looked.shows.proof.as_deref()?))
}

/// By which limit an accepted call is held, and whose.
fn limit_of(judgement: &Judgement, door: Door) -> Option<(CredentialId, RateLimit)> {
    let known = judgement.known.as_ref().filter(|_| judgement.verdict.is_ok())?;
    Some((known.credential_id, known.rate_limit.filter(|_| door.is_use())?))
}

impl App {
    /// Judges under a lease that holds to the end of it.
    pub async fn judge(&self, asking: &Asking<'_>, door: Door) -> Result<Judged, Problem> {
        if let Showing::Dpop(_) = asking.showing {
            // On the heap, since few calls have a proof: the others need no room for it. The bound is on the first look too, which
            // waits for the lease before anything is claimed; many at once have theirs from the first claim on.
            let judged = Box::pin(self.judge_all(std::slice::from_ref(asking), |asking| *asking, door));
            let judged = in_time(judged).await?.pop();
            return judged.ok_or_else(|| Problem::internal("a question has its verdict"));
        }
        let looked = self.leased(|now| self.verdict(asking, false, now)).await?;
        self.counted(looked, asking, door, false)
    }

    /// Whether it is worth to claim what is shown, before it is judged in earnest: what is refused, or too often, is so at once and
    /// counts; of all else nothing is taken and nothing counted yet.
    pub async fn judge_ahead(
        &self,
        asking: &Asking<'_>,
        door: Door,
    ) -> Result<Result<Known, Judged>, Problem> {
        let looked = self.leased(|now| self.verdict(asking, false, now)).await?;
        if self.without_room(&looked, door).is_some() {
            return self.counted(looked, asking, door, true).map(Err);
        }
        match looked {
            Ok(Looked { judgement: Judgement { verdict: Ok(()), known: Some(known), .. }, .. }) => {
                Ok(Ok(known.kept()))
            }
            looked => self.counted(looked, asking, door, false).map(Err),
        }
    }

    /// Judges many at one instant, under one lease that holds from before the first until after the last. Each is asked anew
    /// for each look.
    pub async fn judge_all<'q, Q>(
        &self,
        questions: &'q [Q],
        asking: impl Fn(&'q Q) -> Asking<'q>,
        door: Door,
    ) -> Result<Vec<Judged>, Problem> {
        let look = |used: &[bool], now| -> Vec<_> {
            let used = used.iter().copied().chain(std::iter::repeat(false));
            questions
                .iter()
                .zip(used)
                .map(|(question, used)| self.verdict(&asking(question), used, now))
                .collect()
        };
        let mut looked = self.leased(|now| look(&[], now)).await?;
        let mut claimed = Vec::new();
        // What comes too often is refused all the same, and claims nothing.
        let stands_on_a_proof = |looked: &Result<Looked, _>| {
            to_be_claimed(looked).is_some() && self.without_room(looked, door).is_none()
        };
        if looked.iter().any(stands_on_a_proof) {
            let again = async |used: &[bool]| self.leased(|now| look(used, now)).await;
            let claim = async |looked: &Result<Looked, _>| match to_be_claimed(looked) {
                Some((known, proof)) => self.claim_proof(known, proof).await,
                None => Err(Problem::internal("only what stands on a proof is claimed")),
            };
            (looked, claimed) = in_time(Box::pin(settled(looked, again, stands_on_a_proof, claim))).await?;
        }
        let claimed = claimed.into_iter().chain(std::iter::repeat(false));
        let counted = questions.iter().zip(looked).zip(claimed).map(|((question, looked), claimed)| {
            let too_often = !claimed && to_be_claimed(&looked).is_some();
            self.counted(looked, &asking(question), door, too_often)
        });
        counted.collect()
    }

    /// What an access token of ours says, be it over or not.
    pub async fn token_claims(&self, text: &str) -> Result<Option<Claims>, Problem> {
        self.leased(|now| self.claims(text, now)).await?.map_err(|_| not_answering())
    }

    fn claims(&self, text: &str, now: Timestamp) -> Result<Option<Claims>, NotAnswering> {
        if !is_shaped_as_token(text) {
            return Ok(None);
        }
        let keys = self.keyring.published()?;
        Ok(check(text, &keys, self.issuer(), self.of_the_ledger(now)).ok())
    }

    /// In the ledger's own time, as what was issued in it: a clock that lies behind, or was set back, changes nothing.
    pub fn of_the_ledger(&self, now: Timestamp) -> Timestamp {
        now.max(self.view.last_at())
    }

    /// What the verdict would be now. Nobody uses the credential, and nothing is counted.
    pub async fn would_accept(&self, asking: &Asking<'_>) -> Result<bool, Problem> {
        let looked = self.leased(|now| self.verdict(asking, false, now)).await?;
        looked.map(|looked| looked.judgement.verdict.is_ok()).map_err(|_| not_answering())
    }

    /// Which of these are known here, the last one there is; each is looked at, and nothing is counted.
    pub async fn known_among(&self, questions: &[Asking<'_>]) -> Result<Option<usize>, Problem> {
        let known = |asking: &Asking<'_>, now| {
            self.verdict(asking, false, now).map(|looked| looked.judgement.known.is_some())
        };
        let look = |now| -> Result<Option<usize>, NotAnswering> {
            questions
                .iter()
                .enumerate()
                .try_fold(None, |found, (place, asking)| Ok(known(asking, now)?.then_some(place).or(found)))
        };
        self.leased(look).await?.map_err(|_| not_answering())
    }

    /// `used`: what is shown as its proof was used before.
    fn verdict(&self, asking: &Asking<'_>, used: bool, now: Timestamp) -> Result<Looked, NotAnswering> {
        let (text, claims) = match asking.credential {
            Shown::Client { .. } | Shown::Assertion(_) => ("", None),
            Shown::Text(text) => (text, self.claims(text, now)?),
        };
        let bound_to = claims.as_ref().and_then(|claims| claims.bound_to.as_deref());
        let shows = match asking.showing.of(text, bound_to, self.of_the_ledger(now)) {
            Shows { proof: Some(_), .. } if used => Shows::nothing(ProofFault::Replayed),
            shows => shows,
        };
        let request = Request {
            possession: shows.possession,
            client_ip: asking.client_ip,
            scopes: asking.scopes,
            operation: asking.operation,
            tenant: asking.tenant,
            audience: asking.audience,
            reach: asking.reach,
        };
        let (judgement, disproved) = self.judgement(asking.credential, claims.as_ref(), &request, now)?;
        Ok(Looked { judgement, claims, shows, disproved })
    }

    fn judgement(
        &self,
        credential: Shown<'_>,
        claims: Option<&Claims>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<(Judgement, Option<AssertionFault>), NotAnswering> {
        let vault = self.ledger.vault();
        let judgement = match (credential, claims) {
            (Shown::Assertion(assertion), _) => return self.proved(assertion, request, now),
            (Shown::Client { id, secret }, _) => self.view.judge_client(vault, (id, secret), request, now),
            (Shown::Text(text), None) => self.view.judge(vault, text, request, now),
            (Shown::Text(_), Some(claims)) => {
                self.view.judge_token(claims.secret, &claims.issued(), request, now)
            }
        };
        Ok((judgement?, None))
    }

    /// The state is looked at first, since the keys stand in it; without the signature nothing of it is told.
    fn proved(
        &self,
        assertion: &Assertion<'_>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<(Judgement, Option<AssertionFault>), NotAnswering> {
        let id = assertion.client_id();
        let judgement = self.view.judge_client_by_id(self.ledger.vault(), id, request, now)?;
        let client = judgement.known.as_ref().and_then(Known::client);
        let keys = client.and_then(|client| client.registration.jwks.as_ref());
        Ok(match assertion.check(keys, self.issuer(), judgement.judged_at) {
            Ok(()) => (judgement, None),
            Err(fault) => (judgement.disproved(), Some(fault)),
        })
    }

    /// `too_often`: that was found before, and what it stands on was not claimed.
    fn counted(
        &self,
        looked: Result<Looked, NotAnswering>,
        asking: &Asking<'_>,
        door: Door,
        too_often: bool,
    ) -> Result<Judged, Problem> {
        let looked = looked.map_err(|_| not_answering())?;
        let held = match too_often {
            false => self.held(&looked.judgement, door),
            true => Some(self.spent(&looked.judgement, door)?),
        };
        let Looked { judgement, claims, shows, disproved } = looked;
        let outcome = match &judgement.verdict {
            Err(refused) => Outcome::Refused(refused.reason),
            Ok(_) if held.is_some_and(|held| held.is_spent()) => Outcome::RateLimited,
            Ok(_) => Outcome::Accepted,
        };
        self.metrics.count(door, outcome);
        // Whoever reports that a secret was found does not use it.
        if door != Door::Leak {
            let operation = asking.operation.or((door == Door::Token).then_some(usage::TOKEN));
            self.count_usage(&judgement, &Asking { operation, ..*asking }, outcome);
        }
        let decision_id = self.metrics.decisions.next(judgement.judged_at);
        let with_proof = matches!(shows.possession, Possession::Proven | Possession::NotProven);
        Ok(Judged { judgement, decision_id, claims, disproved, fault: shows.fault, with_proof, held })
    }

    /// Of what nobody may know of, no more than that it came; of the tenant that was named, where whoever asks sees it.
    fn count_usage(&self, judgement: &Judgement, asking: &Asking<'_>, outcome: Outcome) {
        let at = judgement.judged_at;
        let Some(known) = &judgement.known else {
            let is_seen = |id: &TenantId| {
                asking.reach.includes(*id) && self.view.tenant(*id).is_ok_and(|tenant| tenant.is_some())
            };
            return self.usage.count_unknown(outcome, asking.tenant.filter(is_seen), at);
        };
        self.usage.count(&Use {
            tenant: known.tenant_id,
            credential: known.credential_id,
            secret: known.secret_id,
            operation: asking.operation,
            client_ip: asking.client_ip,
            outcome,
            at,
        });
    }

    /// The limiter stands behind the verdict and is no part of it. Whoever ends a secret is never told to wait.
    fn held(&self, judgement: &Judgement, door: Door) -> Option<Held> {
        let (id, limit) = limit_of(judgement, door)?;
        Some(Held { limit, outcome: self.limiter.credential(id, limit) })
    }

    fn without_room(&self, looked: &Result<Looked, NotAnswering>, door: Door) -> Option<Spent> {
        let (id, limit) = limit_of(&looked.as_ref().ok()?.judgement, door)?;
        self.limiter.room_of(id, limit).err()
    }

    /// There was no room; by now there may be.
    fn spent(&self, judgement: &Judgement, door: Door) -> Result<Held, Problem> {
        let (id, limit) = limit_of(judgement, door)
            .ok_or_else(|| Problem::internal("what stands on a proof is claimed, or comes too often"))?;
        let spent = self.limiter.room_of(id, limit).err();
        let by_now = Spent { retry_after: Duration::from_secs(limits::RETRY_AFTER_SECONDS.into()) };
        Ok(Held { limit, outcome: Err(spent.unwrap_or(by_now)) })
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

    pub(super) fn detail(&self, reason: Reason) -> &'static str {
        match reason {
            Reason::Malformed => misfit_detail(self.judgement.misfit),
            Reason::ProofInvalid => self.fault.map_or(reason.detail(), ProofFault::detail),
            Reason::Expired if self.is_over_as_token() => "The access token has expired. Ask for a new one.",
            reason => reason.detail(),
        }
    }

    fn is_over_as_token(&self) -> bool {
        let token = self.judgement.known.as_ref().and_then(|known| known.token.as_ref());
        token.is_some_and(|token| token.ends_at <= self.judgement.judged_at)
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
            reason => self.challenged(reason, Problem::credential_refused(reason.word(), detail)),
        }
    }

    /// What is bound to a key, or was shown as if it were, is asked for as such (RFC 9449, 7.1).
    fn challenged(&self, reason: Reason, problem: Problem) -> Problem {
        let error = match reason {
            Reason::ProofInvalid if self.fault == Some(ProofFault::NotBound) => return problem,
            Reason::ProofInvalid => "invalid_dpop_proof",
            Reason::ProofMissing => "invalid_token",
            _ if self.with_proof => "invalid_token",
            _ => return problem,
        };
        problem.with_header(WWW_AUTHENTICATE, proof::challenge(error))
    }
}
