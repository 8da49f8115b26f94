//! Brings what was counted to the database, a bounded number of rows at a time, and in a task of its own: no verdict waits for it.
//!
//! While the database is away, what was taken waits and is brought under the same id as before, and memory goes on counting within its
//! bound. An outcome that a lost connection hides is settled by that id: it counts once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::bring::{bring, bring_unknown};
use super::{Parcel, Shard, UnknownParcel, Usage, lock};
use crate::clock::{Clock, Timestamp};
use crate::db::{Database, DbError, Outage};
use crate::limits;
use crate::vault::Vault;

pub struct Flusher {
    pub usage: Arc<Usage>,
    pub database: Database,
    pub clock: Arc<Clock>,
    pub vault: Arc<Vault>,
    pub ledger: i32,
    /// how long what was counted stays in memory alone
    pub every: Duration,
}

/// When each shard was last emptied into the database.
struct Swept([i64; limits::USAGE_SHARDS]);

impl Swept {
    fn since(began_ms: i64) -> Self {
        Swept([began_ms; limits::USAGE_SHARDS])
    }

    fn sweep(&mut self, which: Which, now: Timestamp) {
        let held = self.0.iter_mut().enumerate().filter(|(shard, _)| which.holds(*shard));
        held.for_each(|(_, swept)| *swept = now.millis());
    }

    /// All that was counted before then has been brought.
    fn oldest(&self) -> i64 {
        self.0.iter().copied().min().unwrap_or(0)
    }
}

/// Which shards are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// one in so many
    Slice {
        turn: usize,
        of: usize,
    },
}

impl Which {
    /// All while they hold little. Else each in its turn, so that what goes out of one secret does so once a minute.
    fn of(rows: u64, turn: usize, every: Duration) -> Which {
        let slices = limits::USAGE_SECRET_EVERY.as_millis().div_ceil(every.as_millis().max(1));
        match usize::try_from(slices).unwrap_or(1) {
            of if of > 1 && rows > limits::USAGE_FLUSH_ROWS => Which::Slice { turn: turn % of, of },
            _ => Which::All,
        }
    }

    fn holds(self, shard: usize) -> bool {
        match self {
            Which::All => true,
            Which::Slice { turn, of } => shard % of == turn,
        }
    }
}

impl Flusher {
    /// Says that this process counts from now on. Before anything is counted: whoever ends without a word is missed by it.
    pub async fn begin(&self) -> Result<(), DbError> {
        self.usage.keep_span(&self.database, self.ledger, (self.usage.began_ms, false)).await
    }

    /// Runs until `stop` is told; what was counted by then is brought, if the database answers.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut outage = Outage::of("bringing counted usage");
        let mut swept = Swept::since(self.usage.began_ms);
        for turn in 0.. {
            let stopped = tokio::select! {
                () = tokio::time::sleep(self.every) => false,
                // An error says that nobody is left who could tell.
                _ = stop.wait_for(|stop| *stop) => true,
            };
            let which = match stopped {
                true => Which::All,
                false => Which::of(self.usage.rows(), turn, self.every),
            };
            let brought = self.flush(which, &mut swept, stopped).await;
            outage.after(&brought);
            if stopped {
                self.tell_what_is_lost();
                return;
            }
        }
    }

    fn tell_what_is_lost(&self) {
        let pending = self.usage.pending(self.clock.now());
        if pending.rows > 0 {
            tracing::error!(
                rows = pending.rows,
                "the database did not take the usage that was counted last; it is lost"
            );
        }
    }

    /// What waits from before goes first; more is taken only once that is there.
    async fn flush(&self, which: Which, swept: &mut Swept, stopped: bool) -> Result<(), DbError> {
        self.bring_taken().await?;
        let now = self.clock.now();
        self.usage.take(which, now, || self.vault.uuid(now.millis()));
        self.bring_taken().await?;
        swept.sweep(which, now);
        let oldest = swept.oldest();
        self.usage.flushed_at_ms.store(now.millis().unsigned_abs(), Ordering::Relaxed);
        // At a stop everybody has been answered, and is counted; else one that is being answered may come to be counted yet.
        let late = i64::try_from(limits::USAGE_LATE.as_millis()).unwrap_or(i64::MAX);
        let brought_ms = if stopped { oldest } else { oldest - late };
        self.usage.keep_span(&self.database, self.ledger, (brought_ms, stopped)).await
    }

    async fn bring_taken(&self) -> Result<(), DbError> {
        while let Some(parcel) = self.usage.next_unknown() {
            bring_unknown(&self.database, self.ledger, parcel).await?;
            self.usage.brought_unknown();
        }
        while let Some(parcel) = self.usage.next_parcel() {
            let flush = parcel.flush;
            bring(&self.database, self.ledger, parcel).await?;
            self.usage.brought(flush);
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Usage {
    /// Calls that come meanwhile are counted in shards of the same room: nothing grows while somebody waits.
    fn take(&self, which: Which, now: Timestamp, mut id: impl FnMut() -> Uuid) {
        let mut gate = self.gate();
        gate.takes += 1;
        let (unknown, missing) = self.strangers.take(now);
        if !unknown.is_empty() || !missing.is_empty() {
            gate.unknown = Some(Arc::new(UnknownParcel { flush: id(), unknown, missing }));
        }
        let (mut shards, mut rows) = (Vec::new(), 0);
        for place in (0..self.shards.len()).filter(|place| which.holds(*place)) {
            let Some(taken) = self.take_shard(place) else { continue };
            rows += taken.rows().len();
            shards.push((place, taken));
            if rows >= limits::USAGE_PARCEL_ROWS {
                let shards = std::mem::take(&mut shards);
                gate.parcels.push(Arc::new(Parcel { flush: id(), shards }));
                rows = 0;
            }
        }
        if !shards.is_empty() {
            gate.parcels.push(Arc::new(Parcel { flush: id(), shards }));
        }
    }

    fn take_shard(&self, place: usize) -> Option<Shard> {
        let rows = lock(&self.shards[place]).rows().len();
        if rows == 0 {
            return None;
        }
        let another = Shard::another(self.most, self.seed, rows);
        Some(std::mem::replace(&mut *lock(&self.shards[place]), another))
    }

    fn next_parcel(&self) -> Option<Arc<Parcel>> {
        self.gate().parcels.first().cloned()
    }

    fn brought(&self, flush: Uuid) {
        self.gate().parcels.retain(|parcel| parcel.flush != flush);
    }

    fn next_unknown(&self) -> Option<Arc<UnknownParcel>> {
        self.gate().unknown.clone()
    }

    fn brought_unknown(&self) {
        self.gate().unknown = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_out_at_each_turn_while_they_are_few_and_once_a_minute_while_they_are_many() {
        let every = Duration::from_secs(10);
        assert_eq!(Which::of(limits::USAGE_FLUSH_ROWS, 3, every), Which::All);
        for shard in 0..limits::USAGE_SHARDS {
            let times =
                (0..6).filter(|turn| Which::of(limits::USAGE_FLUSH_ROWS + 1, *turn, every).holds(shard));
            assert_eq!(times.count(), 1, "shard {shard} in one minute");
        }
        let minute = limits::USAGE_SECRET_EVERY;
        assert_eq!(Which::of(u64::MAX, 3, minute), Which::All, "who flushes once a minute flushes all");
    }
}
