//! What was: where the ledger stood at an instant, and streams as they were then. The log is append-only and in the order of its
//! times, so that a moment once past stays as it is.

use uuid::Uuid;

use super::execute::Ledger;
use super::read::{Loaded, ReadError};
use crate::clock::Timestamp;
use crate::db::{DbError, Errand, Sight};
use crate::domain::ids::StreamId;

const POSITION_AT: &str = "select credledger.position_at($1, $2)";
const TIME_OF: &str = "select credledger.time_of($1, $2)";

/// The state after the event at a position, looked at from an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub position: u64,
    pub at: Timestamp,
}

impl Ledger {
    /// The last event that had happened by then; none before the first.
    pub async fn position_at(&self, at: Timestamp) -> Result<Option<u64>, ReadError> {
        let position = self.number(POSITION_AT, at.millis()).await?;
        Ok(position.map(i64::cast_unsigned))
    }

    /// Where the first event at or after an instant stands, or will.
    pub async fn first_since(&self, since: Timestamp) -> Result<u64, ReadError> {
        let before = self.number(POSITION_AT, since.millis() - 1).await?;
        Ok(before.map_or(0, |position| position.cast_unsigned() + 1))
    }

    /// When the event at a position happened; none beyond the ledger's head.
    pub async fn time_of(&self, position: u64) -> Result<Option<Timestamp>, ReadError> {
        let Ok(place) = i64::try_from(position) else { return Ok(None) };
        let Some(millis) = self.number(TIME_OF, place).await? else { return Ok(None) };
        let at = Timestamp::from_millis(millis);
        at.map(Some).ok_or_else(|| DbError::Unreadable("the time of an event is no instant".into()).into())
    }

    /// Some streams as they were after the event at a position, as far as that sight goes.
    pub async fn then(
        &self,
        sight: Sight<'_>,
        streams: &[StreamId],
        position: u64,
    ) -> Result<Vec<Loaded>, ReadError> {
        self.reader().streams_until(self.database(), Errand::Reading, sight, streams, position).await
    }

    /// What says nothing of anybody, so that no tenant is named for it.
    async fn number(&self, sql: &str, of: i64) -> Result<Option<i64>, ReadError> {
        let mut number = None;
        let take = |row: tokio_postgres::Row| {
            number = row.get::<_, Option<i64>>(0);
            Ok::<_, DbError>(())
        };
        let sight = Sight::Tenant(Uuid::nil());
        let ledger = self.reader().ledger;
        self.database().ask_each(Errand::Reading, sight, sql, &[&ledger, &of], take).await?;
        Ok(number)
    }
}
