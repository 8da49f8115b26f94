//! Counters of the doors, and the page that tells them to Prometheus. No tenant or credential is ever a label.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::decision::DecisionIds;
use super::operator::identify;
use super::problem::Problem;
use super::served::ServedByAll;
use super::workings;
use crate::activity::calls::Calls;
pub use crate::activity::usage::Outcome;
use crate::clock::BootTime;
use crate::domain::authority::Action;
use crate::projections::active::Counts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Verify,
    Authorize,
    Whoami,
    SelfRevoke,
    /// a client asks for a token
    Token,
    /// a token is asked about
    Introspect,
    /// a client asks about a token, or gives one back
    Client,
    /// somebody found it
    Leak,
}

impl Door {
    const ALL: [Door; 8] = [
        Door::Verify,
        Door::Authorize,
        Door::Whoami,
        Door::SelfRevoke,
        Door::Token,
        Door::Introspect,
        Door::Client,
        Door::Leak,
    ];

    /// Whether to pass it is a use of the credential. To ask about a token is none, and whoever ends a secret never waits.
    pub fn is_use(self) -> bool {
        matches!(self, Door::Verify | Door::Authorize | Door::Whoami | Door::Token)
    }

    fn word(self) -> &'static str {
        match self {
            Door::Verify => "verify",
            Door::Authorize => "authorize",
            Door::Whoami => "whoami",
            Door::SelfRevoke => "self_revoke",
            Door::Token => "token",
            Door::Introspect => "introspect",
            Door::Client => "client",
            Door::Leak => "leak",
        }
    }
}

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    Credential,
    Operator,
    FailedAuthentication,
    SignIn,
    GivenBack,
    Leak,
}

impl Quota {
    /// A credential's are verdicts, and counted with them.
    const COUNTED: [Quota; 5] =
        [Quota::Operator, Quota::FailedAuthentication, Quota::SignIn, Quota::GivenBack, Quota::Leak];

    pub fn word(self) -> &'static str {
        match self {
            Quota::Credential => "credential",
            Quota::Operator => "operator",
            Quota::FailedAuthentication => "failed_authentication",
            Quota::SignIn => "sign_in",
            Quota::GivenBack => "given_back",
            Quota::Leak => "leak",
        }
    }
}

pub struct Metrics {
    verdicts: [[AtomicU64; Outcome::COUNT]; Door::ALL.len()],
    limited: [AtomicU64; Quota::COUNTED.len()],
    pub decisions: DecisionIds,
    pub served: ServedByAll,
}

impl Metrics {
    pub fn new(random: [u8; 10]) -> Self {
        Metrics {
            verdicts: Default::default(),
            limited: Default::default(),
            decisions: DecisionIds::new(random),
            served: ServedByAll::default(),
        }
    }

    pub fn count(&self, door: Door, outcome: Outcome) {
        self.verdicts[door as usize][outcome.place()].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were counted, of all doors and outcomes.
    pub fn verdicts(&self) -> u64 {
        self.verdicts.as_flattened().iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// A request that was told to wait.
    pub fn limited(&self, quota: Quota) {
        let place = Quota::COUNTED.iter().position(|counted| *counted == quota);
        if let Some(count) = place.map(|place| &self.limited[place]) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Parameters are not looked at. Open to a loopback peer that no proxy stands before; otherwise to whoever may read metrics.
pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let local = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let forwarded = request.headers().keys().any(|name| name.as_str().starts_with("x-forwarded-"));
    if !local || forwarded {
        identify(&app, &request).await?.may(Action::ReadMetrics)?;
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(page(&app)))
}

fn page(app: &App) -> String {
    let mut page = String::with_capacity(8 * 1024);
    heading(&mut page, "credledger_verdicts_total", "counter", "Verdicts by door and outcome.");
    for door in Door::ALL {
        let counts = &app.metrics.verdicts[door as usize];
        for outcome in Outcome::all() {
            let count = counts[outcome.place()].load(Ordering::Relaxed);
            let outcome = outcome.word();
            line(
                &mut page,
                format_args!(
                    "credledger_verdicts_total{{door=\"{}\",outcome=\"{outcome}\"}} {count}",
                    door.word()
                ),
            );
        }
    }
    limited(&mut page, app);
    sign_ins(&mut page, app);
    app.metrics.served.tell(&mut page);
    staleness(&mut page, app);
    workings::tell(&mut page, app);
    gauge(
        &mut page,
        "credledger_append_only",
        "1 when no role of the service can change history.",
        &u8::from(app.append_only),
    );
    view(&mut page, &app.view.counts());
    calls(&mut page, &app.calls);
    page
}

fn calls(page: &mut String, calls: &Calls) {
    let counted = [
        (
            "credledger_activity_written_total",
            "Calls that were written to the activity log.",
            calls.tally.written(),
        ),
        (
            "credledger_activity_dropped_total",
            "Calls that verdicts were to leave and for which there was no room.",
            calls.tally.dropped(),
        ),
    ];
    for (name, help, count) in counted {
        heading(page, name, "counter", help);
        line(page, format_args!("{name} {count}"));
    }
    let waiting = calls.waiting();
    gauge(page, "credledger_activity_waiting", "Calls that wait to be written.", &waiting);
    let spooled = calls.tally.spooled_bytes();
    gauge(
        page,
        "credledger_activity_spool_bytes",
        "Bytes of calls that wait on disk for the database.",
        &spooled,
    );
    let unsealed = calls.unsealed.count();
    gauge(
        page,
        "credledger_activity_unsealed",
        "Calls that were written and that no seal covers yet.",
        &unsealed,
    );
}

fn view(page: &mut String, counts: &Counts) {
    let told = [
        ("credledger_view_tenants", "Tenants in the view.", counts.tenants),
        ("credledger_view_members", "Members in the view, disabled ones too.", counts.members),
        ("credledger_view_operators", "Operators in the view, disabled ones too.", counts.operators),
        (
            "credledger_view_operator_tokens",
            "Operator tokens in the view, ended ones too.",
            counts.operator_tokens,
        ),
        (
            "credledger_view_revoked_tokens",
            "Access tokens that were revoked and are not forgotten yet.",
            counts.revoked_tokens,
        ),
        ("credledger_view_credentials", "Credentials in the view, ended ones too.", counts.credentials),
        ("credledger_view_living_secrets", "Secrets in the view that may still work.", counts.living_secrets),
        ("credledger_view_dead_secrets", "Secrets in the view that are over.", counts.dead_secrets),
        (
            "credledger_view_policies",
            "Different scopes, IP rules and rate limits in the view.",
            counts.policies,
        ),
        ("credledger_view_bytes", "Memory that the view takes for records, indexes and names.", counts.bytes),
    ];
    for (name, help, count) in told {
        gauge(page, name, help, &count);
    }
}

fn limited(page: &mut String, app: &App) {
    let told = "Requests that were told to wait, by the limit they met; those of credentials stand with the verdicts.";
    heading(page, "credledger_rate_limited_total", "counter", told);
    for (quota, count) in Quota::COUNTED.iter().zip(&app.metrics.limited) {
        let (word, count) = (quota.word(), count.load(Ordering::Relaxed));
        line(page, format_args!("credledger_rate_limited_total{{limit=\"{word}\"}} {count}"));
    }
}

/// Nothing where nobody signs in.
fn sign_ins(page: &mut String, app: &App) {
    let Some(people) = &app.people else { return };
    heading(page, "credledger_sign_ins_total", "counter", "Sign-ins of people, by what came of them.");
    for (outcome, count) in people.outcomes() {
        line(page, format_args!("credledger_sign_ins_total{{outcome=\"{outcome}\"}} {count}"));
    }
}

/// How far a verdict of now may lag behind the ledger, and by which clock it is judged.
fn staleness(page: &mut String, app: &App) {
    let (progress, lease, clock) = (app.ledger.progress(), &app.lease, app.ledger.clock());
    gauge(page, "credledger_applied_events", "Events that this node's view holds.", &progress.applied);
    gauge(
        page,
        "credledger_lag_events",
        "Events that the ledger held at the last renewal of the lease and this node's view does not hold yet.",
        &lease.head().saturating_sub(progress.applied),
    );
    gauge(
        page,
        "credledger_view_stopped",
        "1 when the view met an event that it can't apply.",
        &u8::from(progress.stopped),
    );
    let left = lease.deadline().since(BootTime::now()).as_secs_f64();
    gauge(page, "credledger_lease_seconds", "How long this node's lease still holds.", &left);
    gauge(
        page,
        "credledger_lease_age_seconds",
        "How long ago the renewal was asked for that this node's lease stands on.",
        &lease.age().map_or(f64::NAN, |age| age.as_secs_f64()),
    );
    gauge(
        page,
        "credledger_lease_bound_seconds",
        "The longest time for which a verdict may lag behind the ledger.",
        &crate::limits::LEASE.as_secs_f64(),
    );
    gauge(
        page,
        "credledger_clock_offset_seconds",
        "How far the database's clock is ahead of this machine's.",
        &clock.ahead_of_the_machine_seconds(),
    );
    gauge(
        page,
        "credledger_clock_reading_seconds",
        "How long the last reading of the database's clock took.",
        &clock.reading_seconds(),
    );
}

pub(super) fn gauge(page: &mut String, name: &str, help: &str, value: &dyn std::fmt::Display) {
    heading(page, name, "gauge", help);
    line(page, format_args!("{name} {value}"));
}

pub(super) fn heading(page: &mut String, name: &str, kind: &str, help: &str) {
    line(page, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

/// Writing to a String does not fail.
pub(super) fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(page, "{text}");
}
