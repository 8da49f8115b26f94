//! Calls that were served: sealed, and kept by days for as long as they are to be.

use std::sync::Arc;

use super::House;
use crate::activity::calls::seal::{SealFault, Sealer, day_of, order};
use crate::activity::calls::{Calls, make_days};
use crate::domain::activity_log::{ActivityLogCommand, ApplyRetention, Day, RetentionApplied};
use crate::ledger::execute::Ledger;
use crate::limits;

/// What there is to be done about them.
pub struct Served {
    calls: Arc<Calls>,
    sealer: Sealer,
    kept_days: u32,
}

impl Served {
    pub fn new(ledger: Arc<Ledger>, calls: Arc<Calls>, kept_days: u32) -> Self {
        let sealer = Sealer::new(ledger, calls.begun, calls.unsealed.clone());
        Served { calls, sealer, kept_days }
    }
}

impl House {
    pub(super) async fn tend_calls(&mut self) -> Result<(), SealFault> {
        let Some(Served { calls, sealer, .. }) = &mut self.calls else { return Ok(()) };
        sealer.tend().await?;
        let Some((count, span)) = calls.tally.take_unrecorded() else { return Ok(()) };
        let recorded = sealer.record_dropped(count, span).await;
        if recorded.is_err() {
            calls.tally.give_back(count, span);
        }
        recorded
    }

    /// Days ahead are made; those that were kept for long enough are recorded as gone, and go.
    pub(super) async fn tend_days(&self) -> Result<(), SealFault> {
        let Some(Served { kept_days, .. }) = &self.calls else { return Ok(()) };
        let (database, now) = (self.ledger.database(), self.ledger.clock().now());
        make_days(database, now).await?;
        for _ in 0..limits::ACTIVITY_DAYS_DROPPED {
            let rows = database.people("select credledger.oldest_activity_day()", &[]).await?;
            let oldest = rows.first().and_then(|row| row.get::<_, Option<i32>>(0));
            let first_kept = i64::from(day_of(now).0) - i64::from(*kept_days);
            let Some(oldest) = oldest.filter(|oldest| i64::from(*oldest) < first_kept) else { break };
            self.drop_day(oldest, *kept_days).await?;
        }
        Ok(())
    }

    async fn drop_day(&self, day: i32, kept_days: u32) -> Result<(), SealFault> {
        let database = self.ledger.database();
        let counted =
            database.people("select rows, sealed from credledger.count_activity_day($1)", &[&day]).await?;
        let (rows, sealed) =
            counted.first().map_or((0, 0), |row| (row.get::<_, i64>(0), row.get::<_, i64>(1)));
        let (rows, sealed) = (rows.cast_unsigned(), sealed.cast_unsigned());
        let applied = RetentionApplied { day: Day(day.cast_unsigned()), rows, sealed, kept_days };
        // A day without calls goes without a word.
        if rows > 0 {
            let command = ActivityLogCommand::ApplyRetention(ApplyRetention(applied));
            self.ledger.execute(order(command)).await?;
        }
        database.people("select credledger.drop_activity_day($1)", &[&day]).await?;
        Ok(())
    }
}
