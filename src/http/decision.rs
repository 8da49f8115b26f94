//! Ids of verdicts: UUIDv7, unique without asking the kernel for randomness on the hot path.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::clock::Timestamp;

/// Random for each start of the process, then counted up.
pub struct DecisionIds {
    seed: [u8; 2],
    next: AtomicU64,
}

impl DecisionIds {
    pub fn new(random: [u8; 10]) -> Self {
        let (seed, start) = random.split_at(2);
        let mut first = [0; 8];
        first.copy_from_slice(start);
        DecisionIds { seed: [seed[0], seed[1]], next: AtomicU64::new(u64::from_be_bytes(first)) }
    }

    pub fn next(&self, at: Timestamp) -> Uuid {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.seed);
        random[2..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(at.millis().unsigned_abs(), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_instant_differ() {
        let ids = DecisionIds::new([7; 10]);
        let at = Timestamp::from_millis(1_800_000_000_000).expect("an instant");
        let many: std::collections::HashSet<_> = (0..1000).map(|_| ids.next(at)).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|id| id.get_version_num() == 7));
    }
}
