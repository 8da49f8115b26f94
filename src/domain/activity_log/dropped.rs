//! Calls that verdicts were to leave, and for which there was no room: how many, and between when.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActivityLogEvent, Day};
use crate::clock::Timestamp;
use crate::domain::refusal::Refusal;

/// For housekeeping.
#[derive(Clone, Debug)]
pub struct Drop(pub Dropped);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    pub node: Uuid,
    /// in whose stream it stands
    pub day: Day,
    pub count: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Drop {
    pub fn decide(&self) -> Result<Vec<ActivityLogEvent>, Refusal> {
        let dropped = (self.0.count > 0).then(|| ActivityLogEvent::Dropped(self.0.clone()));
        Ok(dropped.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::at;

    #[test]
    fn what_was_dropped_is_said_and_nothing_else() {
        let dropped =
            |count| Dropped { node: Uuid::from_u128(7), day: Day(3), count, first_at: at(1), last_at: at(2) };
        assert_eq!(Drop(dropped(3)).decide(), Ok(vec![ActivityLogEvent::Dropped(dropped(3))]));
        assert_eq!(Drop(dropped(0)).decide(), Ok(Vec::new()));
    }
}
