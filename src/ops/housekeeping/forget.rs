//! Answers that are too old to be repeated are forgotten, and sessions and claims that are over.

use super::House;
use crate::db::DbError;
use crate::limits;

impl House {
    /// Page after page, until none is left that is too old; the turn that this is part of ends when it is told to stop.
    pub(super) async fn forget_answers(&self) -> Result<(), DbError> {
        while self.forget_page().await? >= i64::from(limits::FORGET_PAGE) {}
        Ok(())
    }

    /// Sessions that are over, and sign-ins that nobody could complete any more.
    pub(super) async fn forget_sessions(&self) -> Result<(), DbError> {
        let forget = "select credledger.forget_sessions($1, $2, $3)";
        loop {
            let (ledger, now) = (self.ledger.reader().ledger, self.ledger.clock().now().millis());
            let database = self.ledger.database();
            let rows = database.people(forget, &[&ledger, &now, &limits::FORGET_PAGE]).await?;
            if rows.first().is_none_or(|row| row.get::<_, i64>(0) < i64::from(limits::FORGET_PAGE)) {
                return Ok(());
            }
        }
    }

    /// Claims of what nobody could use any more.
    pub(super) async fn forget_claimed(&self) -> Result<(), DbError> {
        let (ledger, at_most) = (self.ledger.reader().ledger, limits::CLAIM_FORGET_PAGE);
        let over_ms = i64::try_from(limits::CLAIM_FORGOTTEN_AFTER.as_millis()).unwrap_or(i64::MAX);
        let forget = "select credledger.forget_claimed($1, $2, $3)";
        loop {
            let rows = self.ledger.database().people(forget, &[&ledger, &over_ms, &at_most]).await?;
            if rows.first().is_none_or(|row| row.get::<_, i64>(0) < i64::from(at_most)) {
                return Ok(());
            }
        }
    }

    /// How many went.
    async fn forget_page(&self) -> Result<i64, DbError> {
        let kept_ms = i64::try_from(limits::IDEMPOTENCY_KEPT.as_millis()).unwrap_or(i64::MAX);
        let before = self.ledger.clock().now().millis() - kept_ms;
        self.ask(async |client, ledger| {
            let forget = "select credledger.forget_answers($1, $2, $3)";
            let row = client.query_one(forget, &[&ledger, &before, &limits::FORGET_PAGE]).await?;
            Ok(row.try_get(0)?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_append_and_the_service_keep_answers_equally_long() {
        let append = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/functions/append.sql"));
        let kept = format!("kept_ms constant bigint := {};", limits::IDEMPOTENCY_KEPT.as_millis());
        assert!(append.contains(&kept), "append.sql does not say: {kept}");
    }
}
