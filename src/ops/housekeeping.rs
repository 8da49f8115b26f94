//! What a node does by itself: writes down ends that came by time, and forgets answers that are too old to be repeated.
//! It stands behind people: its own queue, a bounded number at once, a bounded rate.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::sync::watch;

use crate::clock::{BootTime, Timestamp};
use crate::cluster::lease::Lease;
use crate::db::{DbError, Outage};
use crate::ledger::execute::{ExecuteError, Ledger};
use crate::ledger::proposal::CommitError;
use crate::ledger::read::ReadError;
use crate::ledger::together::Failed;
use crate::limits;
use crate::projections::list::{self, Due, DuePlace};

/// Runs until `stop` is told.
pub async fn run(ledger: Arc<Ledger>, lease: Arc<Lease>, mut stop: watch::Receiver<bool>) {
    let mut forgotten_at = None;
    let mut outages = Outages::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(limits::HOUSEKEEPING_PAUSE) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
        // Without the lease the database is away or somebody else's; both can wait.
        if !lease.holds() {
            continue;
        }
        let began = BootTime::now();
        let forget = forgotten_at.is_none_or(|at| began.since(at) >= limits::FORGET_PAUSE);
        if forget {
            forgotten_at = Some(began);
        }
        // A turn that the stop overtakes is taken up by the next start; nobody was told of it.
        tokio::select! {
            () = turn(&ledger, &lease, forget, &mut outages) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could tell.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One for each thing that is done, which may fail by itself.
struct Outages {
    finding: Outage,
    recording: Outage,
    /// when it was last said that some end can't be recorded at all
    damage_told_at: Option<BootTime>,
    forgetting: Outage,
    sessions: Outage,
}

impl Default for Outages {
    fn default() -> Self {
        Outages {
            finding: Outage::of("finding ends that came by time"),
            recording: Outage::of("recording ends that came by time"),
            damage_told_at: None,
            forgetting: Outage::of("forgetting old answers"),
            sessions: Outage::of("forgetting sessions that are over"),
        }
    }
}

impl Outages {
    /// An end that can't be recorded is met again on each turn, and need not be told on each.
    fn damaged(&mut self, failed: &Failed) {
        let now = BootTime::now();
        if self.damage_told_at.is_none_or(|at| now.since(at) >= limits::FORGET_PAUSE) {
            self.damage_told_at = Some(now);
            let Failed { count, cause } = failed;
            tracing::error!(failed = count, %cause, "some ends can't be recorded; verdicts know of them all the same");
        }
    }
}

async fn turn(ledger: &Arc<Ledger>, lease: &Lease, forget: bool, outages: &mut Outages) {
    let recorded = record_due(ledger, lease, outages).await;
    outages.finding.after(&recorded);
    if forget {
        outages.forgetting.after(&forget_answers(ledger).await);
        outages.sessions.after(&forget_sessions(ledger).await);
    }
}

/// The server ends a statement after that long; a connection that says nothing for longer is dead, and nobody told.
async fn answered<T>(asked: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let answer = tokio::time::timeout(limits::STATEMENT_WAIT, asked).await;
    answer.unwrap_or_else(|late| Err(DbError::Unavailable(late.into())))
}

/// Walks over all that was due when it began, as long as the lease holds, and no longer than until something else is due too.
/// What could not be recorded is left behind for the next turn, so nothing that fails again and again stands before the rest.
async fn record_due(ledger: &Arc<Ledger>, lease: &Lease, outages: &mut Outages) -> Result<(), DbError> {
    let (now, began) = (ledger.clock().now(), BootTime::now());
    let mut after = DuePlace::START;
    loop {
        let due = answered(due(ledger, now, after)).await?;
        let oldest = due.first().and_then(|due| Timestamp::from_millis(due.place.due_at_ms));
        ledger.tally().found_due(oldest);
        let (found, last) = (due.len(), due.last().map(|due| due.place));
        match record(ledger, due).await {
            Some(failed) if is_away(&failed.cause) => {
                outages.recording.failed(&failed.cause);
                return Ok(());
            }
            Some(failed) => outages.damaged(&failed),
            None if found > 0 => outages.recording.over(),
            None => {}
        }
        match last {
            Some(last) if found as i64 >= limits::HOUSEKEEPING_PAGE => after = last,
            _ => return Ok(()),
        }
        if !lease.holds() || BootTime::now().since(began) >= limits::FORGET_PAUSE {
            return Ok(());
        }
    }
}

/// Whether it is the database that is not there, and not one end that is out of order.
fn is_away(cause: &ExecuteError) -> bool {
    use CommitError::{Busy, ClockBehind, OutcomeUnknown, Unavailable};
    match cause {
        ExecuteError::Read(ReadError::Db(_)) => true,
        ExecuteError::Commit(cause) => matches!(cause, Busy | ClockBehind | OutcomeUnknown | Unavailable),
        _ => false,
    }
}

/// Records portion by portion, each at its pace.
async fn record(ledger: &Arc<Ledger>, mut due: Vec<Due>) -> Option<Failed> {
    // Those of one tenant are read with one query.
    due.sort_by_key(|due| due.tenant.0);
    let (mut due, mut failed) = (due.as_slice(), None);
    while !due.is_empty() {
        let pace = Pace::beside(ledger.people_away());
        let (portion, rest) = due.split_at(portion(due, pace.at_once));
        let spent = tokio::time::sleep(pace.time(portion.len()));
        let tenants = portion.chunk_by(|one, next| one.tenant == next.tenant);
        let tenants: Vec<_> = tenants.map(|due| record_of_one(ledger.clone(), due.to_vec())).collect();
        let mut tenants = stream::iter(tenants).buffer_unordered(limits::HOUSEKEEPING_READS);
        while let Some(of_one) = tenants.next().await {
            failed = of_one
                .err()
                .into_iter()
                .chain(failed)
                .reduce(|new, old| Failed { count: new.count + old.count, ..new });
        }
        spent.await;
        due = rest;
    }
    failed
}

/// All of one tenant.
async fn record_of_one(ledger: Arc<Ledger>, due: Vec<Due>) -> Result<(), Failed> {
    let Some(tenant) = due.first().map(|due| due.tenant) else { return Ok(()) };
    let credentials = due.into_iter().map(|due| due.credential).collect();
    ledger.record_due(tenant, credentials).await
}

/// How many of them, from the first on, are recorded at once: what they are decided on is all in memory then.
fn portion(due: &[Due], at_once: usize) -> usize {
    let mut events = 0u32;
    let fits = |due: &&Due| {
        events = events.saturating_add(due.events);
        events <= limits::HOUSEKEEPING_EVENTS
    };
    due.iter().take(at_once).take_while(fits).count().max(1)
}

/// How fast housekeeping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    at_once: usize,
    per_second: u32,
}

impl Pace {
    /// Beside people whose last command came so long ago.
    fn beside(people_away: Duration) -> Self {
        match people_away < limits::PEOPLE_AWAY {
            true => Pace {
                at_once: limits::HOUSEKEEPING_BESIDE,
                per_second: limits::HOUSEKEEPING_BESIDE_PER_SECOND,
            },
            false => {
                Pace { at_once: limits::HOUSEKEEPING_ALONE, per_second: limits::HOUSEKEEPING_PER_SECOND }
            }
        }
    }

    /// What so many take at least.
    fn time(self, count: usize) -> Duration {
        Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / self.per_second
    }
}

async fn due(ledger: &Arc<Ledger>, now: Timestamp, after: DuePlace) -> Result<Vec<Due>, DbError> {
    let client = ledger.database().system().await?;
    let due = list::due(&client, ledger.reader().ledger, now, after, limits::HOUSEKEEPING_PAGE).await?;
    client.give_back();
    Ok(due)
}

/// Page after page, until none is left that is too old; the turn that this is part of ends when it is told to stop.
async fn forget_answers(ledger: &Arc<Ledger>) -> Result<(), DbError> {
    while answered(forget_page(ledger)).await? >= i64::from(limits::FORGET_PAGE) {}
    Ok(())
}

/// Sessions that are over, and sign-ins that nobody could complete any more.
async fn forget_sessions(ledger: &Arc<Ledger>) -> Result<(), DbError> {
    let forget = "select credledger.forget_sessions($1, $2, $3)";
    loop {
        let (ledger_id, now) = (ledger.reader().ledger, ledger.clock().now().millis());
        let rows =
            answered(ledger.database().people(forget, &[&ledger_id, &now, &limits::FORGET_PAGE])).await?;
        if rows.first().is_none_or(|row| row.get::<_, i64>(0) < i64::from(limits::FORGET_PAGE)) {
            return Ok(());
        }
    }
}

/// How many went.
async fn forget_page(ledger: &Arc<Ledger>) -> Result<i64, DbError> {
    let client = ledger.database().system().await?;
    let kept_ms = i64::try_from(limits::IDEMPOTENCY_KEPT.as_millis()).unwrap_or(i64::MAX);
    let before = ledger.clock().now().millis() - kept_ms;
    let forget = "select credledger.forget_answers($1, $2, $3)";
    let row = client.query_one(forget, &[&ledger.reader().ledger, &before, &limits::FORGET_PAGE]).await?;
    client.give_back();
    Ok(row.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{CredentialId, TenantId};

    fn due(events: u32) -> Due {
        let place = DuePlace { due_at_ms: 0, id: Uuid::nil() };
        Due { credential: CredentialId(Uuid::nil()), tenant: TenantId(Uuid::nil()), events, place }
    }

    #[test]
    fn a_portion_is_bounded_by_how_many_they_are_and_by_what_their_histories_come_to() {
        assert_eq!(portion(&[due(1), due(1), due(1)], 2), 2);
        let half = limits::HOUSEKEEPING_EVENTS / 2;
        assert_eq!(portion(&[due(half), due(half), due(1)], 64), 2);
        assert_eq!(
            portion(&[due(limits::HOUSEKEEPING_EVENTS + 1), due(1)], 64),
            1,
            "a long history goes alone"
        );
        assert_eq!(portion(&[due(u32::MAX), due(u32::MAX)], 64), 1);
    }

    #[test]
    fn beside_people_the_pace_is_slow_and_never_nothing() {
        let beside = Pace::beside(limits::PEOPLE_AWAY - Duration::from_millis(1));
        let alone = Pace::beside(limits::PEOPLE_AWAY);
        assert!(beside.per_second > 0 && beside.per_second < alone.per_second);
        assert_eq!(alone.time(alone.per_second as usize), Duration::from_secs(1));
        assert!(alone.at_once <= limits::HOUSEKEEPING_QUEUE, "none is refused because the queue is full");
    }

    #[test]
    fn the_append_and_the_service_keep_answers_equally_long() {
        let append = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/functions/append.sql"));
        let kept = format!("kept_ms constant bigint := {};", limits::IDEMPOTENCY_KEPT.as_millis());
        assert!(append.contains(&kept), "append.sql does not say: {kept}");
    }
}
