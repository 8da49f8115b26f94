//! Whether callers are many: they need the processors more than housekeeping does, which can wait.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::BootTime;
use crate::limits;

/// How many verdicts were given since the start.
pub type Verdicts = Arc<dyn Fn() -> u64 + Send + Sync>;

pub(super) struct Crowd {
    verdicts: Verdicts,
    /// at the last look
    given: u64,
    looked_at: BootTime,
    is_there: bool,
}

impl Crowd {
    pub(super) fn of(verdicts: Verdicts) -> Self {
        Crowd { given: verdicts(), verdicts, looked_at: BootTime::now(), is_there: false }
    }

    /// By what was given since the last look; what came since a moment ago says too little.
    pub(super) fn is_there(&mut self) -> bool {
        let (given, now) = ((self.verdicts)(), BootTime::now());
        let span = now.since(self.looked_at);
        if span >= limits::CROWD_LOOK {
            self.is_there = are_many(given.saturating_sub(self.given), span);
            (self.given, self.looked_at) = (given, now);
        }
        self.is_there
    }
}

fn are_many(verdicts: u64, span: Duration) -> bool {
    u128::from(verdicts) * 1000 >= u128::from(limits::CROWD_PER_SECOND) * span.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_told_by_how_many_came_in_how_long() {
        let second = Duration::from_secs(1);
        assert!(are_many(limits::CROWD_PER_SECOND, second));
        assert!(!are_many(limits::CROWD_PER_SECOND - 1, second));
        assert!(are_many(limits::CROWD_PER_SECOND, second / 10));
        assert!(!are_many(limits::CROWD_PER_SECOND, second * 2));
    }
}
