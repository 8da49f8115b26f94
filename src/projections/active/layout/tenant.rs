//! What a verdict needs of a tenant on every call. The rest of it stands in its entry, which costs a reader a count.

use uuid::Uuid;

use super::{high, low, word};
use crate::domain::rate_limit::RateLimit;
use crate::limits;

pub const TENANT_WORDS: usize = 3;

const SUSPENDED: u32 = 1 << 31;
const _: () = assert!(limits::RATE_SECONDS < SUSPENDED);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: Uuid,
    pub suspended: bool,
    pub default_rate_limit: Option<RateLimit>,
}

impl Tenant {
    /// No limit is one of no requests, which none that is set can be.
    pub fn words(&self) -> [u64; TENANT_WORDS] {
        let (first, second) = self.id.as_u64_pair();
        let (requests, seconds) =
            self.default_rate_limit.map_or((0, 0), |limit| (limit.requests(), limit.per_seconds()));
        let suspended = if self.suspended { SUSPENDED } else { 0 };
        [first, second, word(requests, seconds | suspended)]
    }

    #[inline]
    pub fn of(words: &[u64; TENANT_WORDS]) -> Tenant {
        let (requests, state) = (high(words[2]), low(words[2]));
        Tenant {
            id: Uuid::from_u64_pair(words[0], words[1]),
            suspended: state & SUSPENDED != 0,
            default_rate_limit: RateLimit::new(requests, state & !SUSPENDED).ok(),
        }
    }
}
