//! The node's lease. A node answers from memory only while its lease is valid; a valid one says that the database was
//! reached lately and that this node had applied everything that stood in the ledger then.
//!
//! The deadline is counted by the boot-time clock from before the renewal was sent, less a margin, so the database's
//! record of the lease always outlives the node's own belief in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

use crate::clock::{BootTime, Clock, Reading};
use crate::db::{Database, DbError, Dedicated, Outage, Role};
use crate::ledger::follow::Progress;
use crate::limits;

const TAKE: &str = "select granted, database_us, head from credledger.lease_take($1, $2, $3, $4, $5)";
const RENEW: &str = "select granted, database_us, head from credledger.lease_renew($1, $2, $3, $4, $5)";
const RELEASE: &str = "select credledger.lease_release($1, $2, $3)";

/// What a verdict looks at. Shared by all of them; written by the keeper alone.
pub struct Lease {
    deadline_ns: AtomicU64,
    /// when the renewal was asked for that counted last; 0: none yet
    asked_ns: AtomicU64,
    /// how many events the ledger held at the last renewal, whether this node has applied them or not
    head: AtomicU64,
    renewed: Notify,
    /// asks the keeper not to wait for its next turn
    wanted: Notify,
    waiting: Semaphore,
}

/// No valid lease could be had in the time a request may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapsed;

impl Default for Lease {
    fn default() -> Self {
        Lease {
            deadline_ns: AtomicU64::new(0),
            asked_ns: AtomicU64::new(0),
            head: AtomicU64::new(0),
            renewed: Notify::new(),
            wanted: Notify::new(),
            waiting: Semaphore::new(limits::CATCH_UP_QUEUE),
        }
    }
}

impl Lease {
    pub fn holds(&self) -> bool {
        BootTime::now() < self.deadline()
    }

    pub fn deadline(&self) -> BootTime {
        BootTime::from_nanos(self.deadline_ns.load(Ordering::Acquire))
    }

    /// Returns at once while the lease holds. Otherwise waits, with a bounded number of others and for a bounded time,
    /// for the one renewal that serves them all.
    pub async fn valid(&self) -> Result<(), Lapsed> {
        if self.holds() {
            return Ok(());
        }
        let _place = self.waiting.try_acquire().map_err(|_| Lapsed)?;
        let renewal = async {
            loop {
                let renewed = self.renewed.notified();
                if self.holds() {
                    return;
                }
                self.wanted.notify_one();
                renewed.await;
            }
        };
        tokio::time::timeout(limits::CATCH_UP_WAIT, renewal).await.map_err(|_| Lapsed)
    }

    /// What `look` saw under a lease that held from before the look until after it. A lease that was renewed meanwhile may
    /// have lapsed in between, and one that was ended counts for nothing: then it is looked again.
    pub async fn over<T>(&self, mut look: impl FnMut() -> T) -> Result<T, Lapsed> {
        for _ in 0..limits::LEASED_LOOKS {
            let before = self.deadline();
            let seen = look();
            if BootTime::now() < before.min(self.deadline()) {
                return Ok(seen);
            }
            // It may hold what is lent in passing.
            drop(seen);
            self.valid().await?;
        }
        Err(Lapsed)
    }

    /// How long ago the renewal was asked for that counted last: what the node knew of the ledger then, it knows since.
    pub fn age(&self) -> Option<Duration> {
        match self.asked_ns.load(Ordering::Relaxed) {
            0 => None,
            asked => Some(BootTime::now().since(BootTime::from_nanos(asked))),
        }
    }

    /// How many events the ledger held at the last renewal.
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    /// However long the renewal took: the lease is counted from before it was asked for.
    fn extend(&self, asked: BootTime) {
        let deadline = asked.plus(limits::LEASE - limits::LEASE_MARGIN);
        self.asked_ns.store(asked.nanos(), Ordering::Relaxed);
        self.deadline_ns.store(deadline.nanos(), Ordering::Release);
        self.renewed.notify_waiters();
    }

    fn end(&self) {
        self.deadline_ns.store(0, Ordering::Release);
    }
}

/// Who this process is to the others: the node keeps its id on its data directory; each start is another boot.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub ledger: i32,
    pub node: Uuid,
    pub boot: Uuid,
}

/// Another node's lease on this ledger is alive.
#[derive(Debug)]
pub enum TakeError {
    Db(DbError),
    HeldByAnother,
}

impl From<DbError> for TakeError {
    fn from(cause: DbError) -> Self {
        TakeError::Db(cause)
    }
}

/// Takes the lease for the first time and reads the database's clock.
pub async fn take(database: &Database, node: Node) -> Result<Clock, TakeError> {
    let connection = database.connect_dedicated(Role::System).await?;
    Clock::read(async || {
        // A node's own lease may be taken again, as often as the clock has to be read.
        let row = ask(&connection, TAKE, node, 0).await?;
        if row.granted { Ok(row.database_us) } else { Err(TakeError::HeldByAnother) }
    })
    .await
}

struct Renewal {
    granted: bool,
    database_us: i64,
    head: u64,
}

async fn ask(connection: &Dedicated, call: &str, node: Node, applied: u64) -> Result<Renewal, DbError> {
    let lease_ms = i64::try_from(limits::LEASE.as_millis()).unwrap_or(i64::MAX);
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&node.ledger, &node.node, &node.boot, &applied.cast_signed(), &lease_ms];
    let row = connection.query_one(call, &parameters).await?;
    Ok(Renewal { granted: row.get(0), database_us: row.get(1), head: row.get::<_, i64>(2).cast_unsigned() })
}

/// Renews the lease, a few times in each of its lives, and measures the database's clock as it does.
pub struct Keeper {
    pub database: Database,
    pub node: Node,
    pub lease: Arc<Lease>,
    pub clock: Arc<Clock>,
    pub progress: watch::Receiver<Progress>,
}

impl Keeper {
    /// Runs until `stop` is told; then gives the lease back.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut connection = None;
        let mut refused = false;
        let mut outage = Outage::of("the lease");
        loop {
            match tokio::time::timeout(limits::LEASE, self.renew(&mut connection)).await {
                Ok(Ok(())) => {
                    refused = false;
                    outage.over();
                }
                Ok(Err(Failed::Db(cause))) => {
                    outage.failed(&cause);
                    connection = None;
                }
                Ok(Err(Failed::Refused)) if refused => {}
                Ok(Err(Failed::Refused)) => {
                    refused = true;
                    tracing::error!(
                        "the lease was refused: another node has this ledger; this one answers nothing"
                    );
                }
                Ok(Err(Failed::Stopped)) => self.lease.end(),
                Err(late) => {
                    outage.failed(&late);
                    connection = None;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(limits::LEASE / limits::LEASE_RENEWALS) => {}
                () = self.lease.wanted.notified() => tokio::time::sleep(limits::LEASE_RETRY).await,
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { break },
            }
        }
        self.lease.end();
        self.release(connection).await;
    }

    async fn renew(&self, connection: &mut Option<Dedicated>) -> Result<(), Failed> {
        if connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            *connection = Some(self.database.connect_dedicated(Role::System).await?);
        }
        let Some(open) = connection.as_ref() else { return Ok(()) };
        let applied = self.progress.borrow().applied;
        let before = BootTime::now();
        let renewal = ask(open, RENEW, self.node, applied).await?;
        if !renewal.granted {
            return Err(Failed::Refused);
        }
        self.clock.measure(&Reading::new(renewal.database_us, before, BootTime::now()));
        self.lease.head.store(renewal.head, Ordering::Relaxed);
        self.caught_up(renewal.head).await?;
        self.lease.extend(before);
        Ok(())
    }

    /// A lease counts only once everything that stood in the ledger when it was renewed has been applied.
    async fn caught_up(&self, head: u64) -> Result<(), Failed> {
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|progress| progress.stopped || progress.applied >= head).await;
        match reached {
            Ok(progress) if !progress.stopped => Ok(()),
            Ok(_) | Err(_) => Err(Failed::Stopped),
        }
    }

    /// A courtesy: whoever starts next need not wait for the lease to lapse. Failing it costs only that wait.
    async fn release(&self, connection: Option<Dedicated>) {
        let Some(connection) = connection else { return };
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&self.node.ledger, &self.node.node, &self.node.boot];
        match tokio::time::timeout(limits::LEASE, connection.execute(RELEASE, &parameters)).await {
            Ok(Ok(_)) => {}
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "the lease could not be given back; it lapses by itself");
            }
            Err(_) => {
                tracing::warn!("the database did not take the lease back in time; it has lapsed by itself")
            }
        }
    }
}

enum Failed {
    Db(DbError),
    Refused,
    Stopped,
}

impl From<DbError> for Failed {
    fn from(cause: DbError) -> Self {
        Failed::Db(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Lease {
        let lease = Lease::default();
        lease.extend(BootTime::now());
        lease
    }

    #[tokio::test]
    async fn what_was_seen_under_a_lease_that_held_is_told_at_once() {
        let mut looks = 0;
        let seen = held().over(|| looks += 1).await;
        assert_eq!((seen, looks), (Ok(()), 1));
    }

    #[tokio::test]
    async fn what_was_seen_without_a_lease_is_seen_again() {
        let lease = held();
        let mut looks = 0;
        let looking = lease.over(|| {
            looks += 1;
            // The first one's lease ends before the look does.
            if looks == 1 {
                lease.end();
            }
            looks
        });
        let renewing = async {
            lease.wanted.notified().await;
            lease.extend(BootTime::now());
        };
        let (seen, ()) = futures::join!(looking, renewing);
        assert_eq!(seen, Ok(2));
    }
    #[tokio::test]
    async fn what_was_seen_across_a_lapse_is_seen_again_though_the_lease_holds_by_then() {
        let lease = Lease::default();
        lease.deadline_ns.store(BootTime::now().plus(Duration::from_millis(1)).nanos(), Ordering::Release);
        let mut looks = 0;
        let seen = lease.over(|| {
            looks += 1;
            if looks == 1 {
                // It lapses under the look, and is renewed before that ends.
                while lease.holds() {
                    std::hint::spin_loop();
                }
                lease.extend(BootTime::now());
            }
            looks
        });
        assert_eq!(seen.await, Ok(2));
    }
}
