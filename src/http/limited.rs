//! How a limit is told: as a problem with Retry-After, and in the structured fields RateLimit and RateLimit-Policy.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use tokio::sync::SemaphorePermit;

use super::app::App;
use super::metrics::Quota;
use super::problem::Problem;
use crate::domain::access::Reason;
use crate::domain::ids::CredentialId;
use crate::domain::rate_limit::RateLimit;
use crate::limiter::{Left, Spent};
use crate::limits;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A limit that a call was held against.
#[derive(Clone, Copy)]
pub struct Held {
    pub limit: RateLimit,
    pub outcome: Result<Left, Spent>,
}

impl Held {
    pub fn is_spent(&self) -> bool {
        self.outcome.is_err()
    }

    pub fn remaining(&self) -> u32 {
        self.outcome.map_or(0, |left| left.remaining)
    }

    /// Until all of it is there again; for whoever is refused, until there is one again.
    pub fn reset_seconds(&self) -> u64 {
        whole_seconds(self.outcome.map_or_else(|spent| spent.retry_after, |left| left.reset))
    }

    /// The two fields, for an answer to the one who is limited.
    pub fn headers(&self, quota: Quota) -> [(HeaderName, HeaderValue); 2] {
        let (word, limit, seconds) = (quota.word(), self.limit, self.reset_seconds());
        let policy = format!("\"{word}\";q={};w={}", limit.requests(), limit.per_seconds());
        let state = format!("\"{word}\";r={};t={seconds}", self.remaining());
        [(RATE_LIMIT_POLICY, plain(&policy)), (RATE_LIMIT, plain(&state))]
    }
}

/// The 429 of a limit that is spent.
pub fn spent(quota: Quota, limit: RateLimit, spent: Spent, detail: &'static str) -> Problem {
    let held = Held { limit, outcome: Err(spent) };
    let seconds = u32::try_from(whole_seconds(spent.retry_after)).unwrap_or(u32::MAX);
    let headers = held.headers(quota).into_iter();
    headers.fold(Problem::rate_limited(seconds, detail), |problem, (name, value)| {
        problem.with_header(name, value)
    })
}

impl App {
    /// Before anything is done for a browser that comes back from the identity provider.
    pub fn may_sign_in(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        let Some(address) = from else { return Ok(()) };
        self.limiter.sign_in(address).map_err(|(limit, left)| {
            self.metrics.limited(Quota::SignIn);
            spent(Quota::SignIn, limit, left, "this address signs in too often; wait, then sign in again")
        })
    }

    /// Before the report of a leak is read.
    pub fn may_report(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        self.within_reports(from.map(|address| self.limiter.leak_report(address)))
    }

    /// Before a scanner's message is read.
    pub fn may_send_findings(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        self.within_reports(from.map(|address| self.limiter.scanner_message(address)))
    }

    /// One whose address is not known is counted against nobody.
    fn within_reports(&self, taken: Option<Result<(), (RateLimit, Spent)>>) -> Result<(), Problem> {
        taken.unwrap_or(Ok(())).map_err(|(limit, left)| {
            self.metrics.limited(Quota::Leak);
            spent(
                Quota::Leak,
                limit,
                left,
                "this address reports leaks too often; wait, then send this one again",
            )
        })
    }

    /// Held until the report is answered.
    pub fn place_for_report(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let detail = "too many reports of leaks are in hand; send this one again";
        self.reports.try_acquire().map_err(|_| Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail))
    }

    /// Before the end of a token is written down.
    pub fn may_give_back(&self, client: CredentialId) -> Result<(), Problem> {
        self.limiter.given_back(client).map_err(|(limit, left)| {
            self.metrics.limited(Quota::GivenBack);
            let detail =
                "this client gives back tokens too often; wait, or have all of its tokens ended at once";
            spent(Quota::GivenBack, limit, left, detail)
        })
    }

    /// A text that is no credential counts against the address it came from; past the limit that is said instead. One whose
    /// address is not known is counted against nobody.
    pub fn failed(&self, from: Option<IpAddr>, problem: Problem) -> Problem {
        let guess = [Reason::Malformed.word(), Reason::NotFound.word()];
        let Some(address) = from.filter(|_| problem.reason().is_some_and(|reason| guess.contains(&reason)))
        else {
            return problem;
        };
        match self.limiter.stranger(address) {
            Ok(_) => problem,
            Err((limit, left)) => {
                self.metrics.limited(Quota::FailedAuthentication);
                let detail = "this address presented too many texts that are no credential; wait, then send \
                              one that is";
                spent(Quota::FailedAuthentication, limit, left, detail)
            }
        }
    }
}

/// Rounded up: whoever comes back then is not too early.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// What is made of words and numbers always fits a header.
fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: Result<Left, Spent>) -> [String; 2] {
        let limit = RateLimit::new(100, 60).expect("in bounds");
        let headers = Held { limit, outcome }.headers(Quota::Credential);
        headers.map(|(name, value)| format!("{name}: {}", value.to_str().expect("plain")))
    }

    #[test]
    fn the_fields_say_the_policy_and_what_is_left_of_it() {
        let left = Left { remaining: 12, reset: Duration::from_millis(29_001) };
        assert_eq!(
            told(Ok(left)),
            [r#"ratelimit-policy: "credential";q=100;w=60"#, r#"ratelimit: "credential";r=12;t=30"#]
        );
        let spent = Spent { retry_after: Duration::from_millis(600) };
        assert_eq!(told(Err(spent))[1], r#"ratelimit: "credential";r=0;t=1"#);
    }
}
