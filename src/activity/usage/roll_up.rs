//! Deltas are added up, credential after credential, round after round: the longer a round takes, the more deltas of one credential
//! become one row, so falling behind makes it cheaper.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::limits;

/// How old what is not added up yet may be.
pub struct Lag {
    /// when the last whole round began
    since_ms: AtomicU64,
}

/// Where a round is.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    began: Timestamp,
    tenant: Uuid,
    credential: Uuid,
}

impl Lag {
    pub(super) fn since(now: Timestamp) -> Self {
        Lag { since_ms: AtomicU64::new(now.millis().unsigned_abs()) }
    }

    pub fn millis(&self, now: Timestamp) -> u64 {
        now.millis().unsigned_abs().saturating_sub(self.since_ms.load(Ordering::Relaxed))
    }
}

impl Round {
    pub fn begun(now: Timestamp) -> Self {
        Round { began: now, tenant: Uuid::nil(), credential: Uuid::nil() }
    }

    /// Adds up one portion. `None`: the round is over, and all that was there when it began is added up.
    pub async fn portion(
        self,
        database: &Database,
        ledger: i32,
        lag: &Lag,
    ) -> Result<Option<Round>, DbError> {
        let Round { began, tenant, credential } = self;
        let roll_up =
            "select rolled, last_tenant, last_credential from credledger.roll_up_usage($1, $2, $3, $4, $5)";
        let (at_most, addresses) = (limits::USAGE_ROLLED_AT_ONCE, limits::USAGE_ADDRESSES);
        let rows = database.people(roll_up, &[&ledger, &tenant, &credential, &at_most, &addresses]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (rolled, tenant, credential): (i64, Option<Uuid>, Option<Uuid>) =
            (row.get(0), row.get(1), row.get(2));
        match tenant.zip(credential) {
            Some((tenant, credential)) if rolled >= i64::from(at_most) => {
                Ok(Some(Round { began, tenant, credential }))
            }
            _ => {
                lag.since_ms.store(began.millis().unsigned_abs(), Ordering::Relaxed);
                Ok(None)
            }
        }
    }
}
