//! Credentials that the clock alone may have changed between two moments: of which one was told otherwise later, though nothing had
//! happened to it. Folds at both moments say whether it was.

use uuid::Uuid;

use super::find::ask;
use crate::db::{Database, DbError};
use crate::domain::ids::TenantId;
use crate::ledger::past::Moment;
use crate::limits;

const BY_CLOCK: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/by_clock.sql"));

/// Instants from behind the first up to and with the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instants {
    pub after_ms: i64,
    pub until_ms: i64,
}

impl Instants {
    const NONE: Instants = Instants { after_ms: 0, until_ms: 0 };
}

/// How many ranges there are.
pub const RANGES: usize = 2;

/// A moment, and the tenant's warning window of then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    pub moment: Moment,
    pub warning_seconds: u32,
}

impl Watched {
    /// What ended by then was expiring at this moment, if it was not younger than its half.
    fn warns_until(&self) -> i64 {
        self.moment.at.millis() + i64::from(self.warning_seconds) * 1000
    }
}

/// The instants at which something may have changed by the clock between two moments. First those that lie between them, where halves
/// of lives, expiries and windows are. Then the expiries beyond, into whose warning they may have come: all that were not expiring at
/// one of the moments and were at the other lie between where the two moments' windows end.
pub fn ranges(before: &Watched, after: &Watched) -> [Instants; RANGES] {
    let between = Instants { after_ms: before.moment.at.millis(), until_ms: after.moment.at.millis() };
    let (one, other) = (before.warns_until(), after.warns_until());
    let beyond = Instants { after_ms: one.min(other).max(between.until_ms), until_ms: one.max(other) };
    [between, beyond]
}

/// Where a walk goes on: behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at_ms: i64,
    pub credential: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub place: Place,
    /// it was in this period at both moments, and is asked for here
    pub counts: bool,
}

pub struct Search<'a> {
    pub database: &'a Database,
    pub ledger: i32,
    pub tenant: TenantId,
    pub before: Watched,
    pub after: Watched,
}

impl Search<'_> {
    /// The next of a range (0 or 1), behind a place; as many as asked for, where there are.
    pub async fn page(&self, range: usize, after: Option<Place>, rows: i64) -> Result<Vec<Ending>, DbError> {
        let ranges = ranges(&self.before, &self.after);
        let (Some(own), earlier) = (ranges.get(range), if range == 0 { Instants::NONE } else { ranges[0] })
        else {
            return Ok(Vec::new());
        };
        let start = Place { at_ms: own.after_ms, credential: Uuid::max() };
        let after = after.unwrap_or(start);
        let positions = [self.before.moment.position, self.after.moment.position].map(u64::cast_signed);
        let rows = rows.min(limits::VALIDITY_SCAN);
        let found = ask(
            self.database,
            self.tenant,
            BY_CLOCK,
            &[
                &self.ledger,
                &self.tenant.0,
                &positions[0],
                &positions[1],
                &own.after_ms,
                &own.until_ms,
                &after.at_ms,
                &after.credential,
                &rows,
                &earlier.after_ms,
                &earlier.until_ms,
            ],
        )
        .await?;
        let ending = |row: &tokio_postgres::Row| Ending {
            place: Place { credential: row.get(0), at_ms: row.get(1) },
            counts: row.get(2),
        };
        Ok(found.iter().map(ending).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn at(seconds: i64, warning_seconds: u32) -> Watched {
        let at = Timestamp::from_millis(seconds * 1000).expect("an instant");
        Watched { moment: Moment { position: 0, at }, warning_seconds }
    }

    fn seconds(of: [Instants; RANGES]) -> [(i64, i64); RANGES] {
        of.map(|instants| (instants.after_ms / 1000, instants.until_ms / 1000))
    }

    #[test]
    fn expiries_that_came_into_the_window_or_fell_out_of_it_lie_in_the_second_range() {
        for (before, after, expected) in [
            // the window moves along with the clock
            (at(100, 50), at(110, 50), [(100, 110), (150, 160)]),
            // longer and shorter windows
            (at(100, 50), at(110, 500), [(100, 110), (150, 610)]),
            (at(100, 500), at(110, 50), [(100, 110), (160, 600)]),
            // what lies between the moments is in the first
            (at(100, 5), at(200, 5), [(100, 200), (200, 205)]),
            (at(100, 0), at(200, 0), [(100, 200), (200, 200)]),
            (at(100, 0), at(100, 0), [(100, 100), (100, 100)]),
        ] {
            assert_eq!(seconds(ranges(&before, &after)), expected, "{before:?} {after:?}");
        }
    }
}
