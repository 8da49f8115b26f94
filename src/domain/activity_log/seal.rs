//! A stretch of a node's rows is sealed: from now on the ledger says what they were, all together.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActivityLog, ActivityLogEvent, Day};
use crate::clock::Timestamp;
use crate::domain::refusal::Refusal;

/// For housekeeping.
#[derive(Clone, Debug)]
pub struct Seal(pub Sealed);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    pub node: Uuid,
    /// in whose stream it stands
    pub day: Day,
    pub first_seq: u64,
    pub count: u64,
    /// of the Merkle tree (RFC 6962) over the rows' leaves, in the order of their numbers: base64url
    pub root: String,
    /// of the calls
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Sealed {
    /// The first row after it.
    pub fn end(&self) -> u64 {
        self.first_seq + self.count
    }
}

impl Seal {
    /// Said again it is nothing; anything else goes on where the last one ended, or behind that: rows between them were gone before anything
    /// was said of them.
    pub fn decide(&self, state: Option<&ActivityLog>) -> Result<Vec<ActivityLogEvent>, Refusal> {
        let sealed = &self.0;
        let next = state.and_then(ActivityLog::next_seq).unwrap_or(sealed.first_seq);
        match () {
            () if sealed.end() <= next => Ok(Vec::new()),
            () if sealed.first_seq >= next => Ok(vec![ActivityLogEvent::Sealed(sealed.clone())]),
            () => Err(Refusal::conflict(format!(
                "The next row to be sealed is {next}, not {}.",
                sealed.first_seq
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity_log::{fold, node_stream};
    use crate::domain::testing::{at, context};

    fn sealed(first_seq: u64, count: u64) -> Sealed {
        let (node, root) = (Uuid::from_u128(7), "A".repeat(43));
        Sealed { node, day: Day(3), first_seq, count, root, first_at: at(1), last_at: at(2) }
    }

    fn log() -> ActivityLog {
        let event = ActivityLogEvent::Sealed(sealed(5, 10));
        let stream = node_stream(Uuid::from_u128(7), Day(3));
        let recorded = context().record(stream, 1, None, event.clone().into());
        fold(None, event, &recorded).expect("it folds")
    }

    #[test]
    fn a_seal_goes_on_where_the_last_one_ended_or_leaves_out_what_is_gone() {
        assert_eq!(Seal(sealed(1, 4)).decide(None), Ok(vec![ActivityLogEvent::Sealed(sealed(1, 4))]));
        assert_eq!(
            Seal(sealed(15, 1)).decide(Some(&log())),
            Ok(vec![ActivityLogEvent::Sealed(sealed(15, 1))])
        );
        assert_eq!(
            Seal(sealed(18, 1)).decide(Some(&log())),
            Ok(vec![ActivityLogEvent::Sealed(sealed(18, 1))])
        );
    }

    #[test]
    fn the_same_again_is_nothing_and_what_was_sealed_is_not_sealed_otherwise() {
        assert_eq!(Seal(sealed(5, 10)).decide(Some(&log())), Ok(Vec::new()));
        assert!(Seal(sealed(14, 5)).decide(Some(&log())).is_err());
    }

    #[test]
    fn a_seal_does_not_fold_in_another_nodes_stream_or_over_another() {
        let other = node_stream(Uuid::from_u128(8), Day(3));
        for (stream, version, state, event) in [
            (other, 1, None, sealed(5, 1)),
            (node_stream(Uuid::from_u128(7), Day(3)), 2, Some(log()), sealed(14, 1)),
        ] {
            let event = ActivityLogEvent::Sealed(event);
            let recorded = context().record(stream, version, None, event.clone().into());
            assert!(fold(state, event, &recorded).is_err());
        }
    }
}
