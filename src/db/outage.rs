//! A loop that meets the same fault turn after turn says once that it began, and once that it is over.

use std::error::Error;
use std::time::Duration;

use super::Chain;
use crate::clock::BootTime;

/// What one loop knows of the fault that it is in, if it is in one.
pub struct Outage {
    /// what waits, for the log
    what: &'static str,
    began: Option<Began>,
}

struct Began {
    at: BootTime,
    failures: u64,
}

/// What there is to say of a turn.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Began,
    /// it was said already
    GoesOn,
    Over {
        lasted: Duration,
        failures: u64,
    },
    None,
}

impl Outage {
    pub const fn of(what: &'static str) -> Self {
        Outage { what, began: None }
    }

    /// A turn failed.
    pub fn failed(&mut self, cause: &(dyn Error + 'static)) {
        let cause = Chain(cause);
        match self.note_failure(BootTime::now()) {
            News::Began => tracing::warn!(what = self.what, %cause, "waits for the database"),
            _ => tracing::debug!(what = self.what, %cause, "still waits for the database"),
        }
    }

    /// A turn went well.
    pub fn over(&mut self) {
        if self.began.is_none() {
            return;
        }
        if let News::Over { lasted, failures } = self.note_success(BootTime::now()) {
            let seconds = lasted.as_secs_f64();
            tracing::info!(what = self.what, seconds, failures, "the database answers again");
        }
    }

    /// Whichever of the two it was.
    pub fn after<E: Error + 'static>(&mut self, turn: &Result<(), E>) {
        match turn {
            Ok(()) => self.over(),
            Err(cause) => self.failed(cause),
        }
    }

    fn note_failure(&mut self, now: BootTime) -> News {
        match &mut self.began {
            Some(began) => {
                began.failures += 1;
                News::GoesOn
            }
            None => {
                self.began = Some(Began { at: now, failures: 1 });
                News::Began
            }
        }
    }

    fn note_success(&mut self, now: BootTime) -> News {
        let over = |began: Began| News::Over { lasted: now.since(began.at), failures: began.failures };
        self.began.take().map_or(News::None, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_when_it_begins_and_when_it_is_over_and_not_in_between() {
        let at = |seconds: u64| BootTime::from_nanos(seconds * 1_000_000_000);
        let mut outage = Outage::of("a test");
        for start in [10, 100] {
            assert_eq!(outage.note_success(at(start)), News::None);
            assert_eq!(outage.note_failure(at(start + 1)), News::Began);
            for turn in 2..22 {
                assert_eq!(outage.note_failure(at(start + turn)), News::GoesOn);
            }
            let over = News::Over { lasted: Duration::from_secs(30), failures: 21 };
            assert_eq!(outage.note_success(at(start + 31)), over);
        }
    }
}
