//! Ends that came by time are written down.

use super::House;
use super::pace::record;
use crate::clock::{BootTime, Timestamp};
use crate::db::DbError;
use crate::ledger::together::Chore;
use crate::limits;
use crate::projections::list::{self, DuePlace};

impl House {
    /// Walks over all that was due when it began, as long as the lease holds, and no longer than until something else is due too.
    /// What could not be recorded is left behind for the next turn, so nothing that fails again and again stands before the rest.
    pub(super) async fn record_ends(&mut self) -> Result<(), DbError> {
        let (now, began) = (self.ledger.clock().now(), BootTime::now());
        let mut after = DuePlace::START;
        loop {
            let page = async |client: &_, ledger| {
                list::due(client, ledger, now, after, limits::HOUSEKEEPING_PAGE).await
            };
            let due = self.ask(page).await?;
            let oldest = due.first().and_then(|due| Timestamp::from_millis(due.place.due_at_ms));
            self.ledger.tally().found_due(oldest);
            let (found, last) = (due.len(), due.last().map(|due| due.place));
            let recorded = record(self, Chore::RecordDue, due).await;
            if !self.goes_on_after(&recorded) {
                return Ok(());
            }
            match last {
                Some(last) if found as i64 >= limits::HOUSEKEEPING_PAGE => after = last,
                _ => return Ok(()),
            }
            if !self.lease.holds() || BootTime::now().since(began) >= limits::FORGET_PAUSE {
                return Ok(());
            }
        }
    }
}
