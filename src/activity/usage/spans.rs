//! From when to when each process counted, and how much of what it counted has been brought. A secret that nobody used is told by that
//! from one whose use nobody wrote down.

use tokio_postgres::Row as Found;
use uuid::Uuid;

use super::read::{Range, read};
use super::{Gap, Usage};
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::db::{Errand, Sight};
use crate::domain::ids::TenantId;
use crate::limits;

const KEEP: &str = "select credledger.keep_usage_span($1, $2, $3, $4, $5, $6, $7)";
const SETTLE: &str = "select credledger.settle_usage_spans($1, $2, $3, $4)";
const SPANS: &str = "select boot, from_ms, brought_ms, over_ms from credledger.read_usage_spans($1, $2, $3)";

/// Who counts: a node, and which of its starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub node: Uuid,
    pub boot: Uuid,
}

/// For how long a process counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    boot: Uuid,
    from_ms: i64,
    brought_ms: i64,
    /// none: it may count still
    over_ms: Option<i64>,
}

/// Why calls before an instant may have been, and were not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// nobody counted: it had not begun yet, or the service was down, or without its database, for longer than a restart takes
    NotCounted,
    /// a process ended and did not bring what it had counted last
    Lost,
    /// there was no room for them
    Missing,
}

/// Every call in this time was counted, and is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub since_ms: i64,
    pub until_ms: i64,
    /// what stands before it; none: nothing that was asked about
    pub before: Option<Blank>,
}

impl Usage {
    /// So much has been brought. `over`: and no more is to come.
    pub(super) async fn keep_span(
        &self,
        database: &Database,
        ledger: i32,
        (brought_ms, over): (i64, bool),
    ) -> Result<(), DbError> {
        let Some(Process { node, boot }) = self.process else { return Ok(()) };
        let over_ms = over.then_some(brought_ms);
        database
            .people(KEEP, &[&ledger, &boot, &node, &self.began_ms, &brought_ms, &over_ms, &pause_ms()])
            .await
            .map(drop)
    }

    /// Of processes that ended without a word it is said that they are over; what was so long ago is forgotten.
    pub async fn settle_spans(
        &self,
        database: &Database,
        ledger: i32,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let Some(Process { boot, .. }) = self.process else { return Ok(()) };
        let kept_ms = i64::try_from(limits::USAGE_SPANS_KEPT.as_millis()).unwrap_or(i64::MAX);
        let (before_ms, at_most) = (now.millis().saturating_sub(kept_ms), limits::FORGET_PAGE);
        database.people(SETTLE, &[&ledger, &boot, &before_ms, &at_most]).await.map(drop)
    }

    /// The time up to now, back to `from` at most, in which every call of a tenant was counted. None: nobody counts just now. What it
    /// says holds for all that is read after it.
    pub(super) async fn known(
        &self,
        database: &Database,
        errand: Errand,
        (ledger, tenant): (i32, TenantId),
        (from, now): (Timestamp, Timestamp),
    ) -> Result<Option<Known>, DbError> {
        let (sight, most) = (Sight::Tenant(tenant.0), limits::USAGE_SPANS_READ);
        let rows = read(database, errand, sight, SPANS, &[&ledger, &from.millis(), &most]).await?;
        let spans: Vec<Span> = rows.iter().map(Span::of).collect();
        let range = Range { by_day: false, from_ms: from.millis(), to_ms: i64::MAX };
        let gaps = self.missing(database, errand, (ledger, Some(tenant)), (range, now)).await?;
        let whole = rows.len() < usize::try_from(most).unwrap_or(usize::MAX);
        let from_ms = if whole { from.millis() } else { i64::MIN };
        let own = self.process.map(|process| process.boot);
        Ok(known(&spans, &gaps, own, (from_ms, now.millis())))
    }
}

impl Span {
    fn of(row: &Found) -> Self {
        Span { boot: row.get(0), from_ms: row.get(1), brought_ms: row.get(2), over_ms: row.get(3) }
    }
}

/// This process's own calls are all known, for its memory is read too; unless it has just come back, and has yet to say so.
fn known(spans: &[Span], gaps: &[Gap], own: Option<Uuid>, (from_ms, now_ms): (i64, i64)) -> Option<Known> {
    let counting = spans.iter().filter(|span| span.over_ms.is_none());
    let brought = counting.map(|span| match own == Some(span.boot) {
        true if now_ms.saturating_sub(span.brought_ms) <= pause_ms() => now_ms,
        _ => span.brought_ms,
    });
    let until_ms = brought.min()?.min(now_ms);
    let lost = spans.iter().filter_map(|span| span.over_ms.filter(|over| *over > span.brought_ms));
    let blanks = lost.map(|over| (over, Blank::Lost));
    let blanks = blanks.chain(gaps.iter().map(|gap| (gap.to_ms, Blank::Missing)));
    let blanks = blanks.chain(not_counted(spans, (from_ms, now_ms)).map(|from| (from, Blank::NotCounted)));
    let last = blanks.filter(|(until, _)| *until > from_ms).max_by_key(|(until, _)| *until);
    let (since_ms, before) = last.map_or((from_ms, None), |(until, blank)| (until, Some(blank)));
    Some(Known { since_ms, until_ms, before })
}

fn pause_ms() -> i64 {
    i64::try_from(limits::USAGE_PAUSE.as_millis()).unwrap_or(i64::MAX)
}

/// When counting began again after the last time that nobody did. A restart is none: whoever is turned away comes again.
fn not_counted(spans: &[Span], (from_ms, now_ms): (i64, i64)) -> Option<i64> {
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_unstable_by_key(|span| span.from_ms);
    let (mut counted_ms, mut began) = (from_ms, None);
    for span in spans {
        if span.from_ms > counted_ms.saturating_add(pause_ms()) {
            began = Some(span.from_ms);
        }
        counted_ms = counted_ms.max(span.over_ms.unwrap_or(now_ms));
    }
    began
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const PAUSE: i64 = limits::USAGE_PAUSE.as_millis() as i64;
    const NOW: i64 = 100 * PAUSE;

    fn span(boot: Uuid, from_ms: i64, brought_ms: i64, over_ms: Option<i64>) -> Span {
        Span { boot, from_ms, brought_ms, over_ms }
    }

    fn gap(to_ms: i64) -> Gap {
        Gap { tenant: None, from_ms: to_ms - 5, to_ms, calls: 3 }
    }

    fn known_by(spans: &[Span], gaps: &[Gap]) -> Option<(i64, i64, Option<Blank>)> {
        let known = known(spans, gaps, Some(OWN), (10 * PAUSE, NOW))?;
        Some((known.since_ms, known.until_ms, known.before))
    }

    #[test]
    fn all_is_known_where_one_process_counted_all_along_or_was_restarted_in_order() {
        let own = span(OWN, 0, NOW - PAUSE, None);
        assert_eq!(known_by(&[own], &[]), Some((10 * PAUSE, NOW, None)));
        let before = span(OTHER, 0, 50 * PAUSE, Some(50 * PAUSE));
        for from_ms in [50 * PAUSE, 51 * PAUSE] {
            let own = span(OWN, from_ms, NOW, None);
            assert_eq!(known_by(&[own, before], &[]), Some((10 * PAUSE, NOW, None)));
        }
    }

    #[test]
    fn nothing_is_known_of_what_came_before_anybody_counted_or_while_nobody_did() {
        let own = span(OWN, 51 * PAUSE + 1, NOW, None);
        let blank = Some((51 * PAUSE + 1, NOW, Some(Blank::NotCounted)));
        assert_eq!(known_by(&[own], &[]), blank, "it had not begun");
        let before = span(OTHER, 0, 50 * PAUSE, Some(50 * PAUSE));
        assert_eq!(known_by(&[before, own], &[]), blank, "the service was down");
        let beside = span(Uuid::from_u128(3), 20 * PAUSE, 60 * PAUSE, Some(60 * PAUSE));
        assert_eq!(known_by(&[before, own, beside], &[]), Some((10 * PAUSE, NOW, None)), "another was not");
        assert_eq!(known_by(&[before], &[]), None, "nobody counts");
        assert_eq!(known_by(&[], &[]), None);
    }

    #[test]
    fn what_a_process_lost_with_its_end_is_not_known_nor_what_it_has_not_brought_yet() {
        let own = span(OWN, 50 * PAUSE, NOW, None);
        let crashed = span(OTHER, 0, 49 * PAUSE, Some(50 * PAUSE));
        assert_eq!(known_by(&[own, crashed], &[]), Some((50 * PAUSE, NOW, Some(Blank::Lost))));
        let silent = span(OTHER, 0, 70 * PAUSE, None);
        assert_eq!(known_by(&[own, silent], &[]), Some((10 * PAUSE, 70 * PAUSE, None)));
    }

    #[test]
    fn who_was_away_for_long_knows_nothing_of_that_time_before_it_has_said_so_and_after() {
        let away = span(OWN, 0, NOW - PAUSE - 1, None);
        assert_eq!(known_by(&[away], &[]), Some((10 * PAUSE, NOW - PAUSE - 1, None)));
        let back = span(OWN, 90 * PAUSE, NOW, None);
        assert_eq!(known_by(&[back], &[]), Some((90 * PAUSE, NOW, Some(Blank::NotCounted))));
    }

    #[test]
    fn calls_that_found_no_room_are_not_known_and_the_last_blank_counts() {
        let own = span(OWN, 50 * PAUSE, NOW, None);
        let crashed = span(OTHER, 0, 49 * PAUSE, Some(50 * PAUSE));
        let told = known_by(&[own, crashed], &[gap(60 * PAUSE), gap(20 * PAUSE)]);
        assert_eq!(told, Some((60 * PAUSE, NOW, Some(Blank::Missing))));
        let told = known_by(&[own, crashed], &[gap(20 * PAUSE)]);
        assert_eq!(told, Some((50 * PAUSE, NOW, Some(Blank::Lost))));
        let early = span(OTHER, 0, 5 * PAUSE, Some(50 * PAUSE));
        assert_eq!(known_by(&[own, early], &[gap(9 * PAUSE)]), Some((50 * PAUSE, NOW, Some(Blank::Lost))));
    }

    #[test]
    fn of_more_processes_than_are_read_the_oldest_is_the_beginning() {
        let own = span(OWN, 50 * PAUSE, NOW, None);
        let told = known(&[own], &[], Some(OWN), (i64::MIN, NOW)).expect("known");
        assert_eq!((told.since_ms, told.before), (50 * PAUSE, Some(Blank::NotCounted)));
    }
}
