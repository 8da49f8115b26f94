//! What credentials were used for is added up.

use super::House;
use crate::activity::usage::roll_up::Round;
use crate::clock::BootTime;
use crate::db::DbError;
use crate::limits;

impl House {
    /// Portion after portion until a round is over, or for as long as a turn may take; then the next turn goes on with it. Beside people
    /// and callers it rests between two portions for as many times as long as they took; shorter once a round takes long.
    pub(super) async fn roll_up_usage(&mut self) -> Result<(), DbError> {
        let began = BootTime::now();
        while self.lease.holds() && BootTime::now().since(began) < limits::HOUSEKEEPING_PAUSE {
            let now = self.ledger.clock().now();
            let round = self.round.take().unwrap_or_else(|| Round::begun(now));
            let (lag, portion_began) = (self.usage.lag.millis(now), BootTime::now());
            self.round = Some(round);
            let portion = round.portion(self.ledger.database(), self.ledger.reader().ledger, &self.usage.lag);
            self.round = portion.await?;
            if self.round.is_none() {
                return Ok(());
            }
            let rest = match self.ledger.people_away() < limits::PEOPLE_AWAY || self.crowd.is_there() {
                false => 0,
                true if u128::from(lag) < limits::USAGE_ROUND_BESIDE.as_millis() => limits::USAGE_REST_BESIDE,
                true => limits::USAGE_REST_BEHIND,
            };
            tokio::time::sleep(BootTime::now().since(portion_began) * rest).await;
        }
        Ok(())
    }

    pub(super) async fn settle_usage_spans(&self) -> Result<(), DbError> {
        let (ledger, now) = (self.ledger.reader().ledger, self.ledger.clock().now());
        self.usage.settle_spans(self.ledger.database(), ledger, now).await
    }

    pub(super) async fn forget_usage_flushes(&self) -> Result<(), DbError> {
        let kept_ms = i64::try_from(limits::USAGE_FLUSH_KEPT.as_millis()).unwrap_or(i64::MAX);
        let before = self.ledger.vault().uuid(self.ledger.clock().now().millis().saturating_sub(kept_ms));
        let forget = "select credledger.forget_usage_flushes($1, $2, $3)";
        loop {
            let (ledger, at_most) = (self.ledger.reader().ledger, limits::FORGET_PAGE);
            let rows = self.ledger.database().people(forget, &[&ledger, &before, &at_most]).await?;
            if rows.first().is_none_or(|row| row.get::<_, i64>(0) < i64::from(at_most)) {
                return Ok(());
            }
        }
    }
}
