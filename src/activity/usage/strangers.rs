//! Calls with what is no credential that the one who asked may know of: how many in each hour, and nothing of each. A flood of them
//! takes no room. And calls that there was no room to count.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{HOUR_MS, Outcome, hour_of, lock};
use crate::clock::Timestamp;
use crate::domain::ids::TenantId;
use crate::limits;

/// How many of one hour ended alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub tenant: Option<TenantId>,
    pub hour_ms: i64,
    pub outcome: Outcome,
    pub calls: i64,
}

/// Calls between two instants that were not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// none: of tenants that are not told apart, since there were too many
    pub tenant: Option<TenantId>,
    pub from_ms: i64,
    pub to_ms: i64,
    pub calls: i64,
}

/// The hour, the tenant that was named, and how it ended.
type Alike = (u32, Option<TenantId>, Outcome);

#[derive(Default)]
pub(super) struct Strangers {
    /// of even and of odd hours, by outcome
    plain: [[AtomicU32; Outcome::COUNT]; 2],
    gathered: Mutex<HashMap<Alike, i64>>,
    gaps: Mutex<HashMap<Option<TenantId>, Gap>>,
    dropped: AtomicU64,
}

impl Strangers {
    pub(super) fn count(&self, outcome: Outcome, tenant: Option<TenantId>, at: Timestamp) {
        let hour = hour_of(at.millis());
        if tenant.is_none() {
            self.plain[hour as usize % 2][outcome.place()].fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut gathered = lock(&self.gathered);
        let key = (hour, tenant, outcome);
        let has_room = gathered.len() < limits::USAGE_UNKNOWN_ROWS || gathered.contains_key(&key);
        *gathered.entry(if has_room { key } else { (hour, None, outcome) }).or_default() += 1;
    }

    pub(super) fn missed(&self, tenant: TenantId, at: Timestamp) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let (mut gaps, at_ms) = (lock(&self.gaps), at.millis());
        let has_room = gaps.len() < limits::USAGE_GAPS || gaps.contains_key(&Some(tenant));
        let tenant = has_room.then_some(tenant);
        let gap = gaps.entry(tenant).or_insert(Gap { tenant, from_ms: at_ms, to_ms: at_ms, calls: 0 });
        gap.from_ms = gap.from_ms.min(at_ms);
        gap.to_ms = gap.to_ms.max(at_ms);
        gap.calls += 1;
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What was counted so far; it goes on being counted.
    pub(super) fn seen(&self, now: Timestamp) -> (Vec<Unknown>, Vec<Gap>) {
        self.gather(now);
        let unknown = lock(&self.gathered).iter().map(unknown).collect();
        (unknown, lock(&self.gaps).values().copied().collect())
    }

    /// The same; it is the taker's now.
    pub(super) fn take(&self, now: Timestamp) -> (Vec<Unknown>, Vec<Gap>) {
        self.gather(now);
        let gathered = std::mem::take(&mut *lock(&self.gathered));
        let gaps = std::mem::take(&mut *lock(&self.gaps));
        (gathered.iter().map(unknown).collect(), gaps.into_values().collect())
    }

    /// The counters say nothing of an hour but whether it is even, so they are emptied before the one after the next; and not while it
    /// is unsure in which hour others count.
    fn gather(&self, now: Timestamp) {
        let hour = hour_of(now.millis());
        if hour_of(now.plus_seconds(1).millis()) != hour {
            return;
        }
        let mut gathered = lock(&self.gathered);
        for of in [hour, hour.saturating_sub(1)] {
            for outcome in Outcome::all() {
                let calls = self.plain[of as usize % 2][outcome.place()].swap(0, Ordering::Relaxed);
                if calls > 0 {
                    *gathered.entry((of, None, outcome)).or_default() += i64::from(calls);
                }
            }
        }
    }
}

fn unknown((key, calls): (&Alike, &i64)) -> Unknown {
    let (hour, tenant, outcome) = *key;
    Unknown { tenant, hour_ms: i64::from(hour) * HOUR_MS, outcome, calls: *calls }
}
