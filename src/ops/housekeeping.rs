//! What a node does by itself: writes down ends that came by time, and forgets answers that are too old to be repeated.
//! It stands behind people: its own queue, a bounded number at once, a bounded rate.

use std::sync::Arc;

use futures::{StreamExt, stream};
use serde_json::Map;
use tokio::sync::watch;

use crate::cluster::lease::Lease;
use crate::db::DbError;
use crate::domain::Caller;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, RecordDue};
use crate::domain::event::Actor;
use crate::ledger::execute::{Answer, Ledger, Order};
use crate::limits;
use crate::projections::list::{self, Due};

/// Runs until `stop` is told.
pub async fn run(ledger: Arc<Ledger>, lease: Arc<Lease>, mut stop: watch::Receiver<bool>) {
    let mut since_forgot = limits::FORGET_PAUSE;
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
            () = turn(&ledger, forget) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could tell.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn turn(ledger: &Arc<Ledger>, forget: bool) {
    if let Err(cause) = record_due(ledger).await {
        tracing::warn!(%cause, "ends that came by time could not be recorded yet");
    }
    if forget && let Err(cause) = answered(forget_answers(ledger)).await {
        tracing::warn!(%cause, "old answers could not be forgotten yet");
    }
}

/// The server ends a statement after that long; a connection that says nothing for longer is dead, and nobody told.
async fn answered<T>(asked: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let answer = tokio::time::timeout(limits::STATEMENT_WAIT, asked).await;
    answer.unwrap_or_else(|late| Err(DbError::Unavailable(late.into())))
}

/// Page after page, until nothing is due; never faster than the limit.
async fn record_due(ledger: &Arc<Ledger>) -> Result<(), DbError> {
    let page_time = std::time::Duration::from_secs(1) * limits::HOUSEKEEPING_PAGE as u32
        / limits::HOUSEKEEPING_PER_SECOND;
    loop {
        let due = answered(due(ledger)).await?;
        let (found, full) = (due.len(), due.len() as i64 >= limits::HOUSEKEEPING_PAGE);
        let pace = tokio::time::sleep(page_time);
        let recorded = stream::iter(due)
            .map(|due| record(ledger, due))
            .buffer_unordered(limits::HOUSEKEEPING_AT_ONCE)
            .filter(|recorded| std::future::ready(*recorded))
            .count()
            .await;
        if recorded < found {
            tracing::debug!(found, recorded, "some ends are recorded on a later turn");
        }
        if !full || recorded == 0 {
            return Ok(());
        }
        pace.await;
    }
}

async fn due(ledger: &Arc<Ledger>) -> Result<Vec<Due>, DbError> {
    let client = ledger.database().system().await?;
    list::due(&client, ledger.reader().ledger, ledger.clock().now(), limits::HOUSEKEEPING_PAGE).await
}

async fn record(ledger: &Arc<Ledger>, due: Due) -> bool {
    let order = Order {
        stream: due.credential.into(),
        command: Command::Credential(due.tenant, vec![CredentialCommand::RecordDue(RecordDue)]),
        caller: Caller { actor: Actor::System, client_ip: None, request_id: "housekeeping".to_owned() },
        token: None,
        if_versions: None,
        retry: None,
        housekeeping: true,
        wait: false,
        render: Arc::new(|_, _, _| Answer { status: 200, body: Map::new() }),
    };
    ledger.execute(order).await.is_ok()
}

async fn forget_answers(ledger: &Arc<Ledger>) -> Result<(), DbError> {
    let client = ledger.database().system().await?;
    let kept_ms = i64::try_from(limits::IDEMPOTENCY_KEPT.as_millis()).unwrap_or(i64::MAX);
    let before = ledger.clock().now().millis() - kept_ms;
    client
        .execute(
            "select credledger.forget_answers($1, $2, $3)",
            &[&ledger.reader().ledger, &before, &limits::FORGET_PAGE],
        )
        .await?;
    Ok(())
}
