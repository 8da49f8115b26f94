//! What a node does by itself: writes down ends that came by time, and forgets answers that are too old to be repeated.
//! It stands behind people: its own queue, a bounded number at once, a bounded rate.

use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::cluster::lease::Lease;
use crate::db::{DbError, Outage};
use crate::domain::Caller;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, RecordDue};
use crate::domain::event::Actor;
use crate::ledger::execute::{ExecuteError, Ledger, Order};
use crate::limits;
use crate::projections::list::{self, Due, DuePlace};

/// Runs until `stop` is told.
pub async fn run(ledger: Arc<Ledger>, lease: Arc<Lease>, mut stop: watch::Receiver<bool>) {
    let mut since_forgot = limits::FORGET_PAUSE;
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
        since_forgot += limits::HOUSEKEEPING_PAUSE;
        let forget = since_forgot >= limits::FORGET_PAUSE;
        if forget {
            since_forgot = std::time::Duration::ZERO;
        }
        // A turn that the stop overtakes is taken up by the next start; nobody was told of it.
        tokio::select! {
            () = turn(&ledger, forget, &mut outages) => {}
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
    forgetting: Outage,
}

impl Default for Outages {
    fn default() -> Self {
        Outages {
            finding: Outage::of("finding ends that came by time"),
            recording: Outage::of("recording ends that came by time"),
            forgetting: Outage::of("forgetting old answers"),
        }
    }
}

async fn turn(ledger: &Arc<Ledger>, forget: bool, outages: &mut Outages) {
    let recorded = record_due(ledger, &mut outages.recording).await;
    outages.finding.after(&recorded);
    if forget {
        outages.forgetting.after(&forget_answers(ledger).await);
    }
}

/// The server ends a statement after that long; a connection that says nothing for longer is dead, and nobody told.
async fn answered<T>(asked: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let answer = tokio::time::timeout(limits::STATEMENT_WAIT, asked).await;
    answer.unwrap_or_else(|late| Err(DbError::Unavailable(late.into())))
}

/// Walks once over all that was due when it began, never faster than the limit. What could not be recorded is left behind for
/// the next turn, so nothing that fails again and again stands before the rest.
async fn record_due(ledger: &Arc<Ledger>, recording: &mut Outage) -> Result<(), DbError> {
    let page_time = std::time::Duration::from_secs(1) * limits::HOUSEKEEPING_PAGE as u32
        / limits::HOUSEKEEPING_PER_SECOND;
    let now = ledger.clock().now();
    let mut after = DuePlace::START;
    loop {
        let due = answered(due(ledger, now, after)).await?;
        if after == DuePlace::START {
            let oldest = due.first().and_then(|due| Timestamp::from_millis(due.place.due_at_ms));
            ledger.tally().found_due(oldest);
        }
        let (found, last) = (due.len(), due.last().map(|due| due.place));
        let pace = tokio::time::sleep(page_time);
        let failed: Vec<ExecuteError> = stream::iter(due)
            .map(|due| record(ledger, due))
            .buffer_unordered(limits::HOUSEKEEPING_AT_ONCE)
            .filter_map(|recorded| std::future::ready(recorded.err()))
            .collect()
            .await;
        // What is left stays due, and is met again on the next turn.
        match failed.last() {
            Some(cause) => recording.failed(cause),
            None if found > 0 => recording.over(),
            None => {}
        }
        match last {
            Some(last) if found as i64 >= limits::HOUSEKEEPING_PAGE => after = last,
            _ => return Ok(()),
        }
        pace.await;
    }
}

async fn due(ledger: &Arc<Ledger>, now: Timestamp, after: DuePlace) -> Result<Vec<Due>, DbError> {
    let client = ledger.database().system().await?;
    let due = list::due(&client, ledger.reader().ledger, now, after, limits::HOUSEKEEPING_PAGE).await?;
    client.give_back();
    Ok(due)
}

async fn record(ledger: &Arc<Ledger>, due: Due) -> Result<(), ExecuteError> {
    let command = Command::Credential(due.tenant, vec![CredentialCommand::RecordDue(RecordDue)]);
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "housekeeping".to_owned() };
    let order =
        Order { housekeeping: true, wait: false, ..Order::of(due.credential.into(), command, caller) };
    ledger.execute(order).await.map(drop)
}

/// Page after page, until none is left that is too old; the turn that this is part of ends when it is told to stop.
async fn forget_answers(ledger: &Arc<Ledger>) -> Result<(), DbError> {
    while answered(forget_page(ledger)).await? >= i64::from(limits::FORGET_PAGE) {}
    Ok(())
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
    use super::*;

    #[test]
    fn the_append_and_the_service_keep_answers_equally_long() {
        let append = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/functions/append.sql"));
        let kept = format!("kept_ms constant bigint := {};", limits::IDEMPOTENCY_KEPT.as_millis());
        assert!(append.contains(&kept), "append.sql does not say: {kept}");
    }
}
