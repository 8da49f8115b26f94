//! One bucket a key, by the generic cell rate algorithm: of each bucket only the instant is kept at which it will be full
//! again. One that is full is forgotten, and so a bucket that nobody uses takes no room.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::BootTime;
use crate::domain::rate_limit::RateLimit;

/// Powers of two, so that a hash is cut to its shard.
const SHARDS: usize = 64;
/// A shard is looked through for full buckets when it has doubled since the last look, and not before it has so many.
const SWEEP_FROM: usize = 64;

const NANOS: u64 = 1_000_000_000;

/// What is left after one was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub remaining: u32,
    /// until the bucket is full again
    pub reset: Duration,
}

/// Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// until there is one again
    pub retry_after: Duration,
}

pub struct Buckets<K> {
    shards: [Mutex<Shard<K>>; SHARDS],
    hash: RandomState,
    /// of one shard
    most: usize,
}

struct Shard<K> {
    /// when each will be full again, in nanoseconds of the boot-time clock
    full_at: HashMap<K, u64>,
    sweep_at: usize,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// At most about so many at once. For keys beyond that no bucket is kept, and none is refused.
    pub fn at_most(buckets: usize) -> Self {
        let shard = |_| Mutex::new(Shard { full_at: HashMap::new(), sweep_at: SWEEP_FROM });
        Buckets {
            shards: std::array::from_fn(shard),
            hash: RandomState::new(),
            most: buckets.div_ceil(SHARDS),
        }
    }

    /// Takes one of the key's bucket, if there is one. The clock is read while nobody else takes of it: an instant from
    /// before another's would find the bucket emptier than it is.
    pub fn take(&self, key: K, limit: RateLimit, now: impl FnOnce() -> BootTime) -> Result<Left, Spent> {
        let mut shard = self.shard(&key);
        let now = now().nanos();
        let full_at = shard.full_at.get(&key).copied().unwrap_or(now);
        let (full_at, outcome) = Bucket::of(limit).take(full_at, now);
        shard.keep(key, full_at, now, self.most);
        outcome
    }

    /// Whether there is one to be taken. None is.
    pub fn ask(&self, key: K, limit: RateLimit, now: impl FnOnce() -> BootTime) -> Result<(), Spent> {
        let shard = self.shard(&key);
        let now = now().nanos();
        let full_at = shard.full_at.get(&key).copied().unwrap_or(now);
        Bucket::of(limit).take(full_at, now).1.map(drop)
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K>> {
        let shard = self.hash.hash_one(key) as usize % SHARDS;
        // What a panic left behind is whole: each change of a shard is one insert or one removal.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Shard<K> {
    fn keep(&mut self, key: K, full_at: u64, now: u64, most: usize) {
        if let Some(kept) = self.full_at.get_mut(&key) {
            *kept = full_at;
            return;
        }
        if self.full_at.len() >= self.sweep_at.min(most) {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = (2 * self.full_at.len()).max(SWEEP_FROM);
            self.full_at.shrink_to(self.sweep_at.min(most));
        }
        if self.full_at.len() < most {
            self.full_at.insert(key, full_at);
        }
    }
}

/// A limit in nanoseconds.
#[derive(Clone, Copy)]
struct Bucket {
    /// what one request costs
    each: u64,
    /// what the full bucket holds: a whole number of requests, however the period divides
    full: u64,
}

impl Bucket {
    fn of(limit: RateLimit) -> Self {
        let each = u64::from(limit.per_seconds()) * NANOS / u64::from(limit.requests());
        Bucket { each, full: each * u64::from(limit.requests()) }
    }

    /// Takes one, if there is one; and when it will be full from then on. What was taken under another limit, of a longer
    /// period perhaps, leaves it empty now, and no emptier.
    fn take(self, full_at: u64, now: u64) -> (u64, Result<Left, Spent>) {
        let full_at = full_at.clamp(now, now + self.full);
        let taken = full_at + self.each;
        let missing = taken - now;
        if missing > self.full {
            return (full_at, Err(Spent { retry_after: Duration::from_nanos(missing - self.full) }));
        }
        let remaining = ((self.full - missing) / self.each) as u32;
        (taken, Ok(Left { remaining, reset: Duration::from_nanos(missing) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000_000_000_000;

    fn limit(requests: u32, per_seconds: u32) -> RateLimit {
        RateLimit::new(requests, per_seconds).expect("in bounds")
    }

    fn at(millis: u64) -> impl FnOnce() -> BootTime {
        move || BootTime::from_nanos(START + millis * 1_000_000)
    }

    fn kept<K>(buckets: &Buckets<K>) -> usize {
        buckets.shards.iter().map(|shard| shard.lock().expect("whole").full_at.len()).sum()
    }

    fn remaining(taken: Result<Left, Spent>) -> Option<u32> {
        taken.ok().map(|left| left.remaining)
    }

    #[test]
    fn who_asks_is_told_what_taking_would_come_to_and_takes_nothing() {
        let buckets = Buckets::at_most(1000);
        let limit = limit(2, 2);
        for _ in 0..3 {
            assert_eq!(buckets.ask(1, limit, at(0)), Ok(()));
        }
        assert_eq!((kept(&buckets), remaining(buckets.take(1, limit, at(0)))), (0, Some(1)));
        assert_eq!(remaining(buckets.take(1, limit, at(0))), Some(0));
        let spent = Err(Spent { retry_after: Duration::from_secs(1) });
        assert_eq!((buckets.ask(1, limit, at(0)), buckets.ask(1, limit, at(1000))), (spent, Ok(())));
    }

    #[test]
    fn a_full_bucket_gives_all_at_once_and_then_one_at_a_time() {
        let buckets = Buckets::at_most(1000);
        let limit = limit(4, 2);
        let burst: Vec<_> = (0..5).map(|_| remaining(buckets.take(1, limit, at(0)))).collect();
        assert_eq!(burst, [Some(3), Some(2), Some(1), Some(0), None]);
        assert_eq!(remaining(buckets.take(1, limit, at(499))), None);
        assert_eq!(remaining(buckets.take(1, limit, at(500))), Some(0));
        assert_eq!(remaining(buckets.take(1, limit, at(501))), None);
        // Nobody else's bucket lost anything, and a rest fills this one.
        assert_eq!(remaining(buckets.take(2, limit, at(501))), Some(3));
        assert_eq!(remaining(buckets.take(1, limit, at(2_500))), Some(3));
    }

    #[test]
    fn a_refused_call_takes_nothing_and_says_when_there_is_one_again() {
        let buckets = Buckets::at_most(1000);
        let limit = limit(1, 10);
        assert_eq!(buckets.take(1, limit, at(0)), Ok(Left { remaining: 0, reset: Duration::from_secs(10) }));
        for millis in [0, 1, 5_000, 9_999] {
            let retry_after = Duration::from_millis(10_000 - millis);
            assert_eq!(buckets.take(1, limit, at(millis)), Err(Spent { retry_after }));
        }
        assert_eq!(remaining(buckets.take(1, limit, at(10_000))), Some(0));
    }

    #[test]
    fn a_period_that_does_not_divide_still_gives_every_request_of_it() {
        for limit in [limit(3, 1), limit(7, 3), limit(999_999, 1), limit(1_000_000, 86_400)] {
            let bucket = Bucket::of(limit);
            let mut full_at = START;
            for left in (0..limit.requests()).rev() {
                let (taken, told) = bucket.take(full_at, START);
                assert_eq!(remaining(told), Some(left));
                full_at = taken;
            }
            assert!(bucket.take(full_at, START).1.is_err());
        }
    }

    #[test]
    fn a_limit_that_is_lowered_or_raised_holds_from_the_next_call() {
        let buckets = Buckets::at_most(1000);
        assert!((0..20).all(|call| buckets.take(call % 2, limit(10, 10), at(0)).is_ok()));
        assert_eq!(remaining(buckets.take(0, limit(1, 1), at(0))), None);
        assert_eq!(remaining(buckets.take(1, limit(100, 100), at(0))), Some(89));
    }

    #[test]
    fn whoever_spent_a_days_limit_waits_for_one_request_of_the_next_limit_and_not_for_the_day() {
        let buckets = Buckets::at_most(1000);
        assert!(buckets.take(1, limit(1, 86_400), at(0)).is_ok());
        let retry_after = Duration::from_secs(1);
        assert_eq!(buckets.take(1, limit(60, 60), at(0)), Err(Spent { retry_after }));
        assert_eq!(remaining(buckets.take(1, limit(60, 60), at(1000))), Some(0));
    }

    #[test]
    fn of_many_who_ask_at_once_exactly_as_many_get_one_as_there_are() {
        for _ in 0..20 {
            let (buckets, limit) = (Buckets::at_most(1000), limit(400, 86_400));
            let taken = std::thread::scope(|scope| {
                let ask = || (0..200).filter(|_| buckets.take(1, limit, BootTime::now).is_ok()).count();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
                threads.into_iter().map(|thread| thread.join().expect("it counts")).sum::<usize>()
            });
            assert_eq!(taken, 400);
        }
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = Buckets::at_most(1_000_000);
        for second in 0..100_u64 {
            (0..1000_u64).for_each(|key| {
                assert!(buckets.take(second * 1000 + key, limit(1, 1), at(second * 1000)).is_ok());
            });
        }
        assert!(kept(&buckets) < 4 * SHARDS * SWEEP_FROM, "{}", kept(&buckets));
        let room = buckets.shards.iter().map(|shard| shard.lock().expect("whole").full_at.capacity());
        assert!(room.sum::<usize>() < 8 * SHARDS * SWEEP_FROM, "what they took is given back");
    }

    #[test]
    fn keys_beyond_what_is_kept_are_not_refused_and_take_no_room() {
        let buckets = Buckets::at_most(SHARDS);
        let limit = limit(1, 60);
        let refused = (0..1000).filter(|key| {
            assert!(buckets.take(*key, limit, at(0)).is_ok());
            buckets.take(*key, limit, at(0)).is_err()
        });
        assert_eq!((refused.count(), kept(&buckets)), (SHARDS, SHARDS));
    }
}
