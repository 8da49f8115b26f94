//! How often credentials are used, by what, from where and with which outcome; and when each secret was last let in.
//!
//! A call is counted in memory, in one of many shards by its secret, and costs one short lock that only calls with secrets of the same
//! shard take. The [`flush::Flusher`] takes whole shards out and brings them to the database; what it has taken and not brought yet
//! stands in the [`Gate`], so that an answer of this node knows of every call that it counted, each once.

mod bring;
pub mod flush;
mod labels;
mod outcome;
pub mod quiet;
pub mod radius;
pub mod read;
pub mod roll_up;
mod shard;
pub mod spans;
mod strangers;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::limits;

use labels::Labels;
pub use labels::{IsSecret, TOKEN};
pub use outcome::Outcome;
use roll_up::Lag;
pub use shard::Row;
use shard::{Shard, hash_of};
pub use spans::Process;
use strangers::Strangers;
pub use strangers::{Gap, Unknown};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// The hour that an instant lies in, counted from 1970.
fn hour_of(at_ms: i64) -> u32 {
    u32::try_from(at_ms.div_euclid(HOUR_MS)).unwrap_or(0)
}

/// One call with a secret that is known.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    pub tenant: TenantId,
    pub credential: CredentialId,
    pub secret: SecretId,
    /// as the caller calls it
    pub operation: Option<&'a str>,
    pub client_ip: Option<IpAddr>,
    pub outcome: Outcome,
    pub at: Timestamp,
}

pub struct Usage {
    shards: Box<[Mutex<Shard>]>,
    /// so that nobody can choose in which shard a secret is counted
    seed: u64,
    /// rows of one shard
    most: usize,
    labels: Labels,
    strangers: Strangers,
    gate: Mutex<Gate>,
    pub lag: Lag,
    /// from when on it counts
    began_ms: i64,
    /// as which process it counts, where somebody is told how much has been brought
    process: Option<Process>,
    /// when memory was last empty of what was older, by the database's clock
    flushed_at_ms: AtomicU64,
}

/// What was taken out of the shards and is on its way, or waits for the database. Held while shards are taken, and while a reader looks
/// at them all: so each call is seen by a reader in one place.
#[derive(Default)]
struct Gate {
    parcels: Vec<Arc<Parcel>>,
    unknown: Option<Arc<UnknownParcel>>,
    /// how often something was taken
    takes: u64,
}

/// What is brought together, and counts once however often it is sent.
struct Parcel {
    flush: Uuid,
    shards: Vec<(usize, Shard)>,
}

struct UnknownParcel {
    flush: Uuid,
    unknown: Vec<Unknown>,
    missing: Vec<Gap>,
}

/// For metrics.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    pub rows: u64,
    /// calls that were not counted since the start
    pub dropped: u64,
    /// how old the oldest of what waits may be
    pub lag_ms: u64,
}

impl Usage {
    /// `seed`: random. `now`: nothing was counted before.
    pub fn new(seed: u64, now: Timestamp, is_a_secret: Box<IsSecret>) -> Self {
        Self::with_room(seed, now, is_a_secret, limits::USAGE_PENDING_ROWS)
    }

    /// For so many rows.
    pub fn with_room(seed: u64, now: Timestamp, is_a_secret: Box<IsSecret>, rows: usize) -> Self {
        let most = rows.div_ceil(limits::USAGE_SHARDS);
        Usage {
            shards: (0..limits::USAGE_SHARDS).map(|_| Mutex::new(Shard::new(most, seed))).collect(),
            seed,
            most,
            labels: Labels::new(is_a_secret),
            strangers: Strangers::default(),
            gate: Mutex::default(),
            lag: Lag::since(now),
            began_ms: now.millis(),
            process: None,
            flushed_at_ms: AtomicU64::new(now.millis().unsigned_abs()),
        }
    }

    /// From when to when that process counts is written down with what it counts.
    pub fn of_process(self, process: Process) -> Self {
        Usage { process: Some(process), ..self }
    }

    /// Nothing is waited for, but for another call of the same shard.
    pub fn count(&self, call: &Use<'_>) {
        let hash = hash_of(self.seed, call.secret.0);
        let kept = lock(&self.shards[place(hash)]).count(hash, call, &self.labels);
        if !kept {
            self.strangers.missed(call.tenant, call.at);
        }
    }

    /// A call with what is no credential that the one who asked may know of. `tenant`: one that it named and may see.
    pub fn count_unknown(&self, outcome: Outcome, tenant: Option<TenantId>, at: Timestamp) {
        self.strangers.count(outcome, tenant, at);
    }

    pub fn pending(&self, now: Timestamp) -> Pending {
        let waiting: usize = self.gate().parcels.iter().map(|parcel| parcel.rows()).sum();
        let rows = self.rows() + waiting as u64;
        let flushed_at = self.flushed_at_ms.load(Ordering::Relaxed);
        let lag_ms = now.millis().unsigned_abs().saturating_sub(flushed_at);
        Pending { rows, dropped: self.strangers.dropped(), lag_ms }
    }

    fn rows(&self) -> u64 {
        self.shards.iter().map(|shard| lock(shard).rows().len() as u64).sum()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        lock(&self.gate)
    }
}

/// The bits that a shard's own table does not look at first.
fn place(hash: u64) -> usize {
    (hash >> 24) as u32 as usize % limits::USAGE_SHARDS
}

impl Parcel {
    fn rows(&self) -> usize {
        self.shards.iter().map(|(_, shard)| shard.rows().len()).sum()
    }
}

/// What a panic left behind is whole: each change is one row's.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
