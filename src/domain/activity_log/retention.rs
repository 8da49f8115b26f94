//! A day of calls has been kept for as long as it is to be, and goes.

use serde::{Deserialize, Serialize};

use super::{ActivityLog, ActivityLogEvent, Day};
use crate::domain::refusal::Refusal;

/// For housekeeping, before the day goes: should it stop in between, the day goes on the next turn.
#[derive(Clone, Debug)]
pub struct ApplyRetention(pub RetentionApplied);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionApplied {
    pub day: Day,
    pub rows: u64,
    /// of these, those that seals cover
    pub sealed: u64,
    /// how long it was kept
    pub kept_days: u32,
}

impl ApplyRetention {
    pub fn decide(&self, state: Option<&ActivityLog>) -> Result<Vec<ActivityLogEvent>, Refusal> {
        let said = state.is_some_and(|state| state.gone.is_some());
        let applied = (!said).then(|| ActivityLogEvent::RetentionApplied(self.0.clone()));
        Ok(applied.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_goes_once() {
        let applied = RetentionApplied { day: Day(3), rows: 9, sealed: 9, kept_days: 7 };
        let apply = ApplyRetention(applied.clone());
        assert_eq!(apply.decide(None), Ok(vec![ActivityLogEvent::RetentionApplied(applied.clone())]));
        let gone = ActivityLog { gone: Some(applied), ..ActivityLog::default() };
        assert_eq!(apply.decide(Some(&gone)), Ok(Vec::new()));
    }
}
