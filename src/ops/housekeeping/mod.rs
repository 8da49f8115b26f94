//! What a node does by itself: writes down ends that came by time, closes windows of secrets that nobody uses, says which ends are near, and forgets answers that are too old to be
//! repeated, sessions that are over and claims of what may be used once; and it looks after the keys that tokens are signed with, and
//! adds up what credentials were used for. It stands behind people and callers: its own queue, a bounded number at once, a bounded rate.

mod calls;
mod crowd;
mod ends;
mod forget;
mod pace;
mod quiet;
mod signing_keys;
mod usage;
mod warnings;

use std::sync::Arc;

use tokio::sync::watch;

use crate::activity::usage::Usage;
use crate::activity::usage::roll_up::Round;
use crate::clock::BootTime;
use crate::cluster::lease::Lease;
use crate::db::{DbError, Lent, Outage};
use crate::ledger::execute::{ExecuteError, Ledger};
use crate::ledger::proposal::CommitError;
use crate::ledger::read::ReadError;
use crate::ledger::together::Failed;
use crate::limits;
use crate::tokens::keyring::Keyring;
pub use calls::Served;
use crowd::Crowd;
use pace::Recorded;
use quiet::Windows;
use warnings::Warnings;

pub use crowd::Verdicts;

/// Runs until `stop` is told.
pub async fn run(
    ledger: Arc<Ledger>,
    lease: Arc<Lease>,
    kept: Kept,
    verdicts: Verdicts,
    mut stop: watch::Receiver<bool>,
) {
    let crowd = Crowd::of(verdicts);
    let Kept { keyring, usage, calls } = kept;
    let outages = Outages::default();
    let mut house =
        House { ledger, lease, keyring, usage, round: None, calls, crowd, outages, overdue_told_at: None };
    let (mut quiet, mut warnings, mut forgotten_at) = (Windows::default(), Warnings::default(), None);
    loop {
        tokio::select! {
            () = tokio::time::sleep(limits::HOUSEKEEPING_PAUSE) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
        // Without the lease the database is away or somebody else's; all of it can wait.
        if !house.lease.holds() {
            continue;
        }
        let began = BootTime::now();
        let forget = forgotten_at.is_none_or(|at| began.since(at) >= limits::FORGET_PAUSE);
        let sealed = house.tend_calls().await;
        house.outages.sealing.after(&sealed);
        if forget {
            let days = house.tend_days().await;
            house.outages.days.after(&days);
            forgotten_at = Some(began);
        }
        // A turn that the stop overtakes is taken up by the next start; nobody was told of it.
        tokio::select! {
            () = turn(&mut house, (&mut quiet, &mut warnings), forget) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could tell.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Ends go before warnings: they are what verdicts and plans were waiting for.
async fn turn(house: &mut House, (quiet, warnings): (&mut Windows, &mut Warnings), forget: bool) {
    let recorded = house.record_ends().await;
    house.outages.finding.after(&recorded);
    let closed = quiet.close(house).await;
    house.outages.quiet.after(&closed);
    let warned = warnings.record(house).await;
    house.outages.looking.after(&warned);
    let added_up = house.roll_up_usage().await;
    house.outages.usage.after(&added_up);
    if forget {
        let forgotten = house.forget_answers().await;
        house.outages.forgetting.after(&forgotten);
        let forgotten = house.forget_sessions().await;
        house.outages.sessions.after(&forgotten);
        let forgotten = house.forget_claimed().await;
        house.outages.claimed.after(&forgotten);
        let tended = house.tend_signing_keys().await;
        house.outages.signing_keys.after(&tended);
        let forgotten = house.forget_usage_flushes().await;
        house.outages.usage.after(&forgotten);
        let settled = house.settle_usage_spans().await;
        house.outages.usage.after(&settled);
    }
}

/// What housekeeping looks after beside the ledger.
pub struct Kept {
    pub keyring: Arc<Keyring>,
    pub usage: Arc<Usage>,
    /// calls that were served; none where nobody takes them in
    pub calls: Option<Served>,
}

/// What every chore is done with.
struct House {
    ledger: Arc<Ledger>,
    lease: Arc<Lease>,
    keyring: Arc<Keyring>,
    usage: Arc<Usage>,
    /// of adding up usage, where it is
    round: Option<Round>,
    /// calls that were served
    calls: Option<Served>,
    crowd: Crowd,
    outages: Outages,
    /// when it was last said that a signing key is overdue
    overdue_told_at: Option<BootTime>,
}

/// One for each thing that is done, which may fail by itself.
struct Outages {
    finding: Outage,
    looking: Outage,
    quiet: Outage,
    recording: Outage,
    /// when it was last said that something can't be recorded at all
    damage_told_at: Option<BootTime>,
    forgetting: Outage,
    sessions: Outage,
    claimed: Outage,
    signing_keys: Outage,
    usage: Outage,
    sealing: Outage,
    days: Outage,
}

impl Default for Outages {
    fn default() -> Self {
        Outages {
            finding: Outage::of("finding ends that came by time"),
            looking: Outage::of("finding ends that are near"),
            quiet: Outage::of("finding secrets that are not used any more"),
            recording: Outage::of("recording ends that came by time or are near"),
            damage_told_at: None,
            forgetting: Outage::of("forgetting old answers"),
            sessions: Outage::of("forgetting sessions that are over"),
            claimed: Outage::of("forgetting claims that are over"),
            signing_keys: Outage::of("looking after the signing keys"),
            usage: Outage::of("adding up usage"),
            sealing: Outage::of("sealing calls that were served"),
            days: Outage::of("making and dropping days of calls"),
        }
    }
}

impl House {
    /// One question about all tenants. The server ends a statement after that long; a connection that says nothing for longer is
    /// dead, and nobody told.
    async fn ask<T>(&self, ask: impl AsyncFnOnce(&Lent, i32) -> Result<T, DbError>) -> Result<T, DbError> {
        let asked = async {
            let client = self.ledger.database().system().await?;
            let answer = ask(&client, self.ledger.reader().ledger).await?;
            client.give_back();
            Ok(answer)
        };
        let answer = tokio::time::timeout(limits::STATEMENT_WAIT, asked).await;
        answer.unwrap_or_else(|late| Err(DbError::Unavailable(late.into())))
    }

    /// Tells what could not be recorded; whether the database is there for more.
    fn goes_on_after(&mut self, recorded: &Recorded) -> bool {
        match &recorded.failed {
            Some(failed) if is_away(&failed.cause) => {
                self.outages.recording.failed(&failed.cause);
                return false;
            }
            Some(failed) => self.outages.damaged(failed),
            None if recorded.count > 0 => self.outages.recording.over(),
            None => {}
        }
        true
    }
}

impl Outages {
    /// What can't be recorded is met again on each turn, and need not be told on each.
    fn damaged(&mut self, failed: &Failed) {
        let now = BootTime::now();
        if self.damage_told_at.is_none_or(|at| now.since(at) >= limits::FORGET_PAUSE) {
            self.damage_told_at = Some(now);
            let Failed { count, cause } = failed;
            tracing::error!(failed = count, %cause, "some ends can't be recorded; verdicts know of them all the same");
        }
    }
}

/// Whether it is the database that is not there, and not one stream that is out of order.
fn is_away(cause: &ExecuteError) -> bool {
    use CommitError::{Busy, ClockBehind, Full, OutcomeUnknown, Unavailable};
    match cause {
        ExecuteError::Read(ReadError::Db(_)) => true,
        ExecuteError::Commit(cause) => {
            matches!(cause, Busy | ClockBehind | Full | OutcomeUnknown | Unavailable)
        }
        _ => false,
    }
}
