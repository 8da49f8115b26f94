//! What every handler may reach.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::API_ADMIN;
use super::client_ip::client_ip;
use super::metrics::Metrics;
use super::problem::{Code, Problem};
use super::resources;
use super::resources::credential::link_leak;
use crate::activity::calls::{Calls, Locator};
use crate::activity::usage::Usage;
use crate::activity::usage::read::LastUses;
use crate::clock::Timestamp;
use crate::cluster::lease::Lease;
use crate::db::Errand;
use crate::domain::credential::Credential;
use crate::domain::event::Actor;
use crate::domain::formats::Misfit;
use crate::domain::ids::TenantId;
use crate::domain::ip_rules::Cidr;
use crate::domain::personal::Personal;
use crate::domain::tenant;
use crate::ledger::execute::{ExecuteError, Ledger};
use crate::ledger::once::{ClaimError, Once};
use crate::ledger::proposal::CommitError;
use crate::ledger::read::ReadError;
use crate::limiter::Limiter;
use crate::limits;
use crate::people::People;
use crate::projections::active::ActiveView;
use crate::projections::behind::{NotReached, Reached};
use crate::projections::trail;
use crate::scanners::Scanner;
use crate::tokens::check::is_shaped_as_token;
use crate::tokens::keyring::{Keyring, NoSigner};
use crate::tokens::revocations::Lists;

pub struct App {
    pub ledger: Arc<Ledger>,
    pub view: Arc<ActiveView>,
    pub lease: Arc<Lease>,
    /// calls that were served
    pub calls: Arc<Calls>,
    pub locator: Arc<Locator>,
    /// for how many days these are kept
    pub activity_retention_days: u32,
    /// what may be used once
    pub once: Once,
    /// how far what follows behind the ledger is
    pub reached: Reached,
    pub metrics: Arc<Metrics>,
    pub limiter: Limiter,
    /// what credentials are used for
    pub usage: Arc<Usage>,
    /// the keys that tokens are signed with
    pub keyring: Arc<Keyring>,
    /// what ended tokens, for who checks them offline
    pub revocations: Lists,
    /// places for imports: few run at once
    pub imports: Arc<Semaphore>,
    /// places for exports: few run at once
    pub exports: Arc<Semaphore>,
    /// places for those who follow the ledger
    pub followers: Arc<Semaphore>,
    /// the service stops: whoever follows is to end
    pub stopping: watch::Receiver<bool>,
    /// none: nobody signs in, and operators come with tokens alone
    pub people: Option<Arc<People>>,
    /// places for reports of leaks
    pub reports: Semaphore,
    /// none: messages of GitHub's secret scanning are refused
    pub github: Option<Scanner>,
    pub trusted_proxies: Vec<Cidr>,
    pub public_url: String,
    /// what a new tenant starts with, and goes back to
    pub starting_settings: tenant::Settings,
    /// the database's roles can't change history; told by `/readyz`
    pub append_only: bool,
    pub openapi: Bytes,
    /// the same as a page to read
    pub reference: Bytes,
}

impl App {
    pub fn now(&self) -> Timestamp {
        self.ledger.clock().now()
    }

    /// Whether a text is written as what opens something: a key, a client's secret, a token of either kind.
    pub fn is_formed_as_a_secret(&self, text: &str) -> bool {
        is_shaped_as_token(text) || self.view.is_formed_as_a_secret(text)
    }

    /// The peer, or what trusted proxies say of it; `None` when a trusted way does not tell.
    pub fn client_ip(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        let forwarded: Vec<&[u8]> =
            request.headers().get_all(X_FORWARDED_FOR).map(|value| value.as_bytes()).collect();
        client_ip(peer, &self.trusted_proxies, forwarded.into_iter())
    }

    pub fn is_trusted_proxy(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr().map(|peer| peer.ip());
        peer.is_some_and(|peer| self.trusted_proxies.iter().any(|range| range.contains(peer)))
    }

    /// What `look` sees, and at what time, while the lease holds from before the look until after it. When the lease has
    /// lapsed it is waited for, within the bounds of a request.
    pub async fn leased<T>(&self, look: impl Fn(Timestamp) -> T) -> Result<T, Problem> {
        self.lease.over(|| look(self.now())).await.map_err(|_| lapsed())
    }

    /// Who issues tokens: what stands in them, and in the metadata, to the letter.
    pub fn issuer(&self) -> &str {
        self.public_url.trim_end_matches('/')
    }

    /// Where a resource of the operators' API is, for a `Location`: behind a proxy that gives the service a path of its own, a
    /// path begins with that of the public URL.
    pub fn place(&self, path: impl fmt::Display) -> String {
        self.page_at(format_args!("{API_ADMIN}{path}"))
    }

    /// The same of any path of the service.
    pub fn page_at(&self, path: impl fmt::Display) -> String {
        let after_scheme = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
        let base = after_scheme.find('/').map_or("", |slash| &after_scheme[slash..]);
        format!("{base}{path}")
    }

    /// For a read that must not be older than a write.
    pub async fn reached(&self, min_position: Option<u64>) -> Result<(), Problem> {
        let Some(position) = min_position else { return Ok(()) };
        match self.ledger.reached_within(position, limits::CATCH_UP_WAIT).await {
            true => Ok(()),
            false => Err(Problem::retry_later(
                Code::Behind,
                limits::RETRY_AFTER_SECONDS,
                "this node has not reached min_position yet; ask again",
            )),
        }
    }

    /// When the secrets of some of a tenant's credentials were last let in.
    pub async fn last_uses(
        &self,
        errand: Errand,
        tenant: TenantId,
        credentials: impl Iterator<Item = &Credential>,
    ) -> Result<LastUses, Problem> {
        let whose = (self.ledger.reader().ledger, tenant);
        Ok(self.usage.last_uses(self.ledger.database(), errand, whose, credentials).await?)
    }

    /// For whoever reads the trail: waits until it is where the ledger is now on this node, so that an admin finds what it has just
    /// done. Answers how many events that are.
    pub async fn trail_reached(&self) -> Result<u64, Problem> {
        let head = self.ledger.progress().applied;
        self.behind_reached(trail::NAME, head).await?;
        Ok(head)
    }

    /// For whoever reads what follows behind: waits until so many events are in it.
    pub async fn behind_reached(&self, name: &'static str, events: u64) -> Result<(), Problem> {
        match self.reached.within(name, events, limits::CATCH_UP_WAIT).await {
            Ok(()) => Ok(()),
            Err(NotReached::Behind) => Err(Problem::retry_later(
                Code::Behind,
                limits::RETRY_AFTER_SECONDS,
                format!("the {name} has not caught up with the ledger yet; ask again"),
            )),
            Err(NotReached::Stopped) => Err(stopped(name)),
        }
    }

    /// A credential as it reads; its owner's scopes are those that a verdict of this node goes by.
    pub fn credential(
        &self,
        credential: &Credential,
        uses: &LastUses,
        now: Timestamp,
        warning_seconds: u32,
    ) -> Value {
        let owner = credential.owner.and_then(|owner| self.view.member(owner).ok().flatten());
        let names = |actor| self.actor_name(actor);
        let owner = owner.as_ref().map(|owner| &*owner.scopes);
        let mut told =
            resources::credential::credential(credential, owner, &names, uses, now, warning_seconds);
        link_leak(&mut told, credential, |path| self.place(path));
        told
    }

    pub fn actor_name(&self, actor: Actor) -> Option<Personal<String>> {
        match actor {
            Actor::Operator(id) => self.view.operator_name(id).ok().flatten(),
            Actor::Holder(_) | Actor::System => None,
        }
    }
}

fn lapsed() -> Problem {
    let detail = "this node can't be sure that it knows every revocation; ask again, or ask another node";
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
}

pub fn not_answering() -> Problem {
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, "this node's view is not answering; its log says why")
}

pub fn trail_stopped() -> Problem {
    stopped(trail::NAME)
}

fn stopped(name: &str) -> Problem {
    let detail = format!("the {name} is not being kept any more; the service's log says why");
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
}

pub fn no_signer(cause: NoSigner) -> Problem {
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, "nothing can be signed just now; ask again")
        .with_cause(cause)
}

/// The detail of a text that is no credential.
pub fn misfit_detail(misfit: Option<Misfit>) -> &'static str {
    misfit.map_or(crate::domain::access::Reason::Malformed.detail(), Misfit::detail)
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::RetryMismatch => Problem::new(
                Code::IdempotencyMismatch,
                "this Idempotency-Key was used for another request; use a fresh key for each new request",
            ),
            ExecuteError::RetryInProgress => Problem::new(
                Code::IdempotencyInProgress,
                "the first request with this Idempotency-Key is still running; repeat it when it is done",
            ),
            ExecuteError::Commit(error) => error.into(),
            ExecuteError::Read(error) => error.into(),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        let again = limits::RETRY_AFTER_SECONDS;
        match error {
            CommitError::TooLarge(member) => Problem::faults(vec![super::problem::Fault {
                place: super::problem::FaultPlace::Pointer(format!("/{member}")),
                detail: format!("an event holds at most {} bytes; make this shorter", limits::ENTRY_BYTES)
                    .into(),
            }]),
            CommitError::QuotaExceeded => {
                Problem::new(Code::QuotaExceeded, "the plan's limit of active credentials is reached")
            }
            CommitError::OutcomeUnknown => Problem::retry_later(
                Code::OutcomeUnknown,
                again,
                "it is not known whether the change took place; read the resource, or repeat with the same Idempotency-Key",
            ),
            CommitError::Conflict
            | CommitError::Busy
            | CommitError::ClaimTaken
            | CommitError::AlreadyAnswered => {
                Problem::unavailable(again, "too many changes are waiting; nothing was changed; ask again")
            }
            CommitError::Rejected => Problem::internal(error),
            CommitError::Unavailable => {
                Problem::unavailable(again, "the database can't be reached; nothing was changed; ask again")
            }
            CommitError::Full => Problem::unavailable(
                again,
                "the database's disk is full; nothing was changed; make room there, then ask again",
            ),
            CommitError::ClockBehind => Problem::unavailable(
                again,
                "the database's clock lies behind the ledger; nothing was changed",
            ),
        }
    }
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        let detail = match error {
            ClaimError::Full => "too many proofs and assertions wait to be used; ask again, with a new one",
            // A claim whose caller waited no longer may stand: the same one again would be refused as used.
            ClaimError::Unavailable => {
                "the database can't be reached, and without it no proof or assertion is known to be used for the first time; \
                 ask again, with a new one"
            }
        };
        Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Db(cause) => cause.into(),
            damaged => Problem::internal(damaged),
        }
    }
}

impl From<crate::db::DbError> for Problem {
    fn from(cause: crate::db::DbError) -> Self {
        use crate::db::DbError;
        match cause {
            DbError::Unavailable(_)
            | DbError::OutcomeUnknown(_)
            | DbError::TryAgain(_)
            | DbError::Cancelled(_) => {
                Problem::unavailable(limits::RETRY_AFTER_SECONDS, "the database can't be reached; ask again")
                    .with_cause(cause)
            }
            DbError::Full(_) => Problem::unavailable(
                limits::RETRY_AFTER_SECONDS,
                "the database's disk is full; make room there, then ask again",
            )
            .with_cause(cause),
            // Asking again would meet the same: a fault of ours or of the installation, which the log tells.
            DbError::Conflict { .. }
            | DbError::Forbidden(_)
            | DbError::Breach(..)
            | DbError::Rejected { .. }
            | DbError::Unreadable(_)
            | DbError::Unfit(_) => Problem::internal(cause),
        }
    }
}

impl From<crate::domain::refusal::Refusal> for Problem {
    fn from(refusal: crate::domain::refusal::Refusal) -> Self {
        use super::problem::{Fault, FaultPlace};
        use crate::domain::refusal::RefusalKind;
        let code = match refusal.kind {
            RefusalKind::Invalid => {
                let place = FaultPlace::Pointer(refusal.pointer.unwrap_or_default().to_owned());
                return Problem::faults(vec![Fault { place, detail: refusal.detail.into() }]);
            }
            RefusalKind::NotFound => return Problem::not_found(),
            RefusalKind::Unauthorized(reason) => {
                return Problem::credential_refused(reason.word(), refusal.detail);
            }
            RefusalKind::Forbidden => Code::Forbidden,
            RefusalKind::Conflict => Code::Conflict,
            RefusalKind::TooManySecrets => Code::TooManySecrets,
            RefusalKind::LastSecret => Code::LastSecret,
            RefusalKind::QuotaExceeded => Code::QuotaExceeded,
            RefusalKind::Stale => Code::Stale,
        };
        Problem::new(code, refusal.detail)
    }
}
