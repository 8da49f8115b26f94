//! Counters of what was answered, at which door. Each request costs one addition, to a number that no other thread adds to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;

use super::metrics::{heading, line};
use super::problem::Code;
use super::{API, API_ADMIN};

/// Where a request came in, by its path alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    Verify,
    VerifyBatch,
    Authorize,
    Whoami,
    SelfRevoke,
    OAuthToken,
    OAuthIntrospect,
    OAuthRevoke,
    Revocations,
    /// the operators' API
    Operators,
    /// everything else: probes, metrics, the document, and what is no route
    Service,
}

impl Entrance {
    const ALL: [Entrance; 11] = [
        Entrance::Verify,
        Entrance::VerifyBatch,
        Entrance::Authorize,
        Entrance::Whoami,
        Entrance::SelfRevoke,
        Entrance::OAuthToken,
        Entrance::OAuthIntrospect,
        Entrance::OAuthRevoke,
        Entrance::Revocations,
        Entrance::Operators,
        Entrance::Service,
    ];

    pub fn of(path: &str) -> Self {
        match path.strip_prefix(API) {
            Some("/verify") => Entrance::Verify,
            Some("/verify/batch") => Entrance::VerifyBatch,
            Some("/authorize") => Entrance::Authorize,
            Some("/whoami") => Entrance::Whoami,
            Some("/self/revoke") => Entrance::SelfRevoke,
            Some("/oauth/token") => Entrance::OAuthToken,
            Some("/oauth/introspect") => Entrance::OAuthIntrospect,
            Some("/oauth/revoke") => Entrance::OAuthRevoke,
            Some("/revocations") => Entrance::Revocations,
            None if path.starts_with(API_ADMIN) => Entrance::Operators,
            Some(_) | None => Entrance::Service,
        }
    }

    /// Whether its problems are told as RFC 6749 has them.
    pub fn speaks_oauth(self) -> bool {
        matches!(self, Entrance::OAuthToken | Entrance::OAuthIntrospect | Entrance::OAuthRevoke)
    }

    fn word(self) -> &'static str {
        match self {
            Entrance::Verify => "verify",
            Entrance::VerifyBatch => "verify_batch",
            Entrance::Authorize => "authorize",
            Entrance::Whoami => "whoami",
            Entrance::SelfRevoke => "self_revoke",
            Entrance::OAuthToken => "oauth_token",
            Entrance::OAuthIntrospect => "oauth_introspect",
            Entrance::OAuthRevoke => "oauth_revoke",
            Entrance::Revocations => "revocations",
            Entrance::Operators => "operators",
            Entrance::Service => "service",
        }
    }
}

/// By the first digit of the status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What one worker has answered.
#[derive(Default)]
pub struct Served {
    answers: [[AtomicU64; CLASSES.len()]; Entrance::ALL.len()],
    problems: [AtomicU64; Code::ALL.len()],
}

impl Served {
    pub fn answer(&self, entrance: Entrance, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        self.answers[entrance as usize][class].fetch_add(1, Ordering::Relaxed);
    }

    pub fn problem(&self, code: Code) {
        self.problems[code as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// What all workers have.
#[derive(Default)]
pub struct ServedByAll(Mutex<Vec<Arc<Served>>>);

impl ServedByAll {
    /// For one worker more.
    pub fn by_another(&self) -> Arc<Served> {
        let served = Arc::new(Served::default());
        self.workers().push(served.clone());
        served
    }

    /// A panic elsewhere leaves the list whole: every change of it is one push.
    fn workers(&self) -> MutexGuard<'_, Vec<Arc<Served>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum(&self, of_one: impl Fn(&Served) -> &AtomicU64) -> u64 {
        self.workers().iter().map(|served| of_one(served).load(Ordering::Relaxed)).sum()
    }

    pub fn tell(&self, page: &mut String) {
        heading(page, "credledger_answers_total", "counter", "Answers by door and class of their status.");
        for entrance in Entrance::ALL {
            for (place, class) in CLASSES.iter().enumerate() {
                let count = self.sum(|served| &served.answers[entrance as usize][place]);
                let door = entrance.word();
                line(
                    page,
                    format_args!("credledger_answers_total{{door=\"{door}\",status=\"{class}\"}} {count}"),
                );
            }
        }
        heading(page, "credledger_problems_total", "counter", "Refusals and failures by their code.");
        for &code in Code::ALL {
            let count = self.sum(|served| &served.problems[code as usize]);
            let (code, status) = (code.text(), code.status().as_u16());
            line(
                page,
                format_args!("credledger_problems_total{{code=\"{code}\",status=\"{status}\"}} {count}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_door_and_every_other_to_the_service() {
        let cases = [
            ("/api/v1/verify", Entrance::Verify),
            ("/api/v1/verify/batch", Entrance::VerifyBatch),
            ("/api/v1/verify/", Entrance::Service),
            ("/api/v1/authorize", Entrance::Authorize),
            ("/api/v1/whoami", Entrance::Whoami),
            ("/api/v1/revocations", Entrance::Revocations),
            ("/api/v1/self/revoke", Entrance::SelfRevoke),
            ("/api/admin/v1/tenants/acme/keys", Entrance::Operators),
            ("/healthz", Entrance::Service),
            ("/", Entrance::Service),
        ];
        for (path, entrance) in cases {
            assert_eq!(Entrance::of(path), entrance, "{path}");
        }
        for (place, entrance) in Entrance::ALL.into_iter().enumerate() {
            assert_eq!(entrance as usize, place, "{entrance:?}");
        }
        for (place, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place, "{code:?}");
        }
    }
}
