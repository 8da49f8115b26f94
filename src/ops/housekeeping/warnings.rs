//! Ends that are near are told of, once each.
//!
//! A warning becomes due when the second of two instants comes: the half of the credential's life, and the start of its tenant's
//! window before its end. Those whose half has come since the last look are walked over in that order; for those whose half came
//! before, each tenant's ends are looked at as far as its window has moved since. So each credential is met about once on either
//! way, however many there are, and a longer window of a tenant is one more step of the same way.
//!
//! How far it came is known to this process alone. What it may have missed (before it was started, and what could not be recorded)
//! is met by walking over all halves from the first on: at the start, and now and then.

use std::collections::HashMap;

use uuid::Uuid;

use super::House;
use super::pace::record;
use crate::clock::{BootTime, Timestamp};
use crate::db::DbError;
use crate::domain::ids::TenantId;
use crate::ledger::together::Chore;
use crate::limits;
use crate::projections::list::{Due, DuePlace};
use crate::projections::warnings::{self, Ends, Warnable, Window};

#[derive(Default)]
pub(super) struct Warnings {
    halves: Halves,
    windows: Windows,
    /// due and found, and then changed by others while they were to be recorded
    again: Vec<Due>,
}

/// The walk over those whose half of life has come.
#[derive(Default)]
struct Halves {
    /// under way: up to which instant, and where it goes on
    walk: Option<(Timestamp, DuePlace)>,
    /// where the next one begins; none: at the first of all
    since: Option<Timestamp>,
    /// up to when the first of all came
    first_until: Option<Timestamp>,
    /// when one last began at the first of all
    all_begun_at: Option<BootTime>,
}

/// The walk over tenants, page after page, and over all of them again.
#[derive(Default)]
struct Windows {
    after: Uuid,
    looked_at: HashMap<TenantId, Looked>,
}

/// When a tenant's ends were looked at last, and how long its window was then.
#[derive(Clone, Copy)]
struct Looked {
    at: Timestamp,
    window_ms: i64,
}

/// Whether all that was found could be handled. If not, the same page is asked for again.
type Handled = Result<bool, DbError>;

impl Warnings {
    /// What became due since the last turn, as long as the lease holds, and no longer than until something else is due too.
    pub(super) async fn record(&mut self, house: &mut House) -> Result<(), DbError> {
        let until = Until { began: BootTime::now() };
        let mut oldest = None;
        let all = self.record_again(house, until).await?
            && self.record_halves(house, until, &mut oldest).await?
            && self.record_windows(house, until, &mut oldest).await?;
        if all && oldest.is_none() {
            house.ledger.tally().found_warning(None);
        }
        Ok(())
    }

    async fn record_again(&mut self, house: &mut House, until: Until) -> Handled {
        let again = std::mem::take(&mut self.again);
        let handled = self.write(house, until, again.clone()).await;
        if !matches!(handled, Ok(true)) {
            self.again = again;
        }
        handled
    }

    async fn record_halves(&mut self, house: &mut House, until: Until, oldest: &mut Option<i64>) -> Handled {
        let (now, mut after) = self.halves.begin(house.ledger.clock().now());
        loop {
            house.record_ends().await?;
            let page = house.ask(async |client, ledger| {
                warnings::warnable(client, ledger, now, after, limits::HOUSEKEEPING_PAGE).await
            });
            let page = page.await?;
            let (found, last) = (page.len(), page.last().map(|warnable| warnable.credential.place));
            let due: Vec<Warnable> =
                page.into_iter().filter(|warnable| warnable.due_at_ms <= now.millis()).collect();
            found_since(house, due.iter().map(|warnable| warnable.due_at_ms).min(), oldest);
            let due = due.into_iter().map(|warnable| warnable.credential).collect();
            if !self.write(house, until, due).await? {
                return Ok(false);
            }
            match last {
                Some(last) if found as i64 >= limits::HOUSEKEEPING_PAGE => after = last,
                _ => {
                    self.halves.end(now);
                    return Ok(true);
                }
            }
            self.halves.walk = Some((now, after));
            if until.is_over(house) {
                return Ok(false);
            }
        }
    }

    /// One page of tenants.
    async fn record_windows(&mut self, house: &mut House, until: Until, oldest: &mut Option<i64>) -> Handled {
        // What the first walk over all halves did not meet is met from there on.
        let Some(first) = self.halves.first_until else { return Ok(true) };
        let (now, after) = (house.ledger.clock().now(), self.windows.after);
        let page = house.ask(async |client, ledger| {
            warnings::windows(client, ledger, after, limits::WARNED_TENANTS_PAGE).await
        });
        let page = page.await?;
        let mut ends = self.windows.ends(&page, first, now);
        while !ends.is_empty() {
            house.record_ends().await?;
            let due = house.ask(async |client, ledger| {
                warnings::entering(client, ledger, now, &ends, limits::HOUSEKEEPING_PAGE).await
            });
            let due = due.await?;
            let whole = (due.len() as i64) < limits::HOUSEKEEPING_PAGE;
            let last = due.last().map(|(number, due)| (*number, due.place));
            let window = |tenant| page.iter().find(|window| window.tenant == tenant);
            let since =
                due.iter().filter_map(|(_, due)| Some(due.place.due_at_ms - window(due.tenant)?.millis));
            found_since(house, since.min(), oldest);
            if !self.write(house, until, due.into_iter().map(|(_, due)| due).collect()).await? {
                return Ok(false);
            }
            match last.filter(|_| !whole) {
                Some(last) => go_on_behind(&mut ends, last),
                None => ends.clear(),
            }
        }
        self.windows.looked(&page, now);
        Ok(true)
    }

    /// A few at a time, and ends that came by time before each of them.
    async fn write(&mut self, house: &mut House, until: Until, due: Vec<Due>) -> Handled {
        for due in due.chunks(limits::HOUSEKEEPING_ALONE) {
            house.record_ends().await?;
            let mut due = due.to_vec();
            for _ in 0..limits::WARNING_ATTEMPTS {
                let recorded = record(house, Chore::Warn, due).await;
                if !house.goes_on_after(&recorded) || until.is_over(house) {
                    return Ok(false);
                }
                due = recorded.moved;
            }
            // What is too much to be remembered is met by the next walk over all.
            let room = limits::WARNINGS_AGAIN.saturating_sub(self.again.len());
            self.again.extend(due.into_iter().take(room));
        }
        Ok(true)
    }
}

fn found_since(house: &House, since_ms: Option<i64>, oldest: &mut Option<i64>) {
    let Some(since) = since_ms else { return };
    let since = oldest.map_or(since, |oldest| oldest.min(since));
    *oldest = Some(since);
    house.ledger.tally().found_warning(Timestamp::from_millis(since));
}

/// The tenants before that one are done, and it itself as far as that place.
fn go_on_behind(ends: &mut Vec<Ends>, (number, place): (usize, DuePlace)) {
    ends.drain(..number.min(ends.len()));
    if let Some(first) = ends.first_mut() {
        first.after = place;
    }
}

/// How long a turn of it may take.
#[derive(Clone, Copy)]
struct Until {
    began: BootTime,
}

impl Until {
    fn is_over(self, house: &House) -> bool {
        !house.lease.holds() || BootTime::now().since(self.began) >= limits::FORGET_PAUSE
    }
}

impl Halves {
    /// Up to which instant is walked, and behind which place.
    fn begin(&mut self, now: Timestamp) -> (Timestamp, DuePlace) {
        if let Some(under_way) = self.walk {
            return under_way;
        }
        let at = BootTime::now();
        if self.all_begun_at.is_none_or(|begun| at.since(begun) >= limits::WARNINGS_ALL_PAUSE) {
            self.all_begun_at = Some(at);
            self.since = None;
        }
        let after = self
            .since
            .map_or(DuePlace::START, |since| DuePlace { due_at_ms: since.millis(), ..DuePlace::START });
        self.walk = Some((now, after));
        (now, after)
    }

    /// Events are dated a little before they can be read; the next walk begins as much earlier.
    fn end(&mut self, now: Timestamp) {
        let overlap = i64::try_from(limits::WARNINGS_OVERLAP.as_millis()).unwrap_or(i64::MAX);
        self.since = Timestamp::from_millis(now.millis().saturating_sub(overlap));
        self.first_until.get_or_insert(now);
        self.walk = None;
    }
}

impl Windows {
    /// Of each tenant the ends that its window has come to since it was looked at last.
    fn ends(&self, page: &[Window], first: Timestamp, now: Timestamp) -> Vec<Ends> {
        let ends = page.iter().map(|window| {
            let looked = self.looked_at.get(&window.tenant);
            let looked = looked.copied().unwrap_or(Looked { at: first, window_ms: window.millis });
            let after = DuePlace { due_at_ms: looked.at.millis() + looked.window_ms, id: Uuid::max() };
            Ends { tenant: window.tenant, after, until_ms: now.millis() + window.millis }
        });
        ends.filter(|ends| ends.until_ms > ends.after.due_at_ms).collect()
    }

    fn looked(&mut self, page: &[Window], now: Timestamp) {
        for window in page {
            self.looked_at.insert(window.tenant, Looked { at: now, window_ms: window.millis });
        }
        let last = page.last().filter(|_| page.len() as i64 >= limits::WARNED_TENANTS_PAGE);
        self.after = last.map_or(Uuid::nil(), |last| last.tenant.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms).expect("an instant")
    }

    fn tenant(number: u128, window_ms: i64) -> Window {
        Window { tenant: TenantId(Uuid::from_u128(number)), millis: window_ms }
    }

    /// From behind which end up to which, less the beginning of time.
    fn looked_at(windows: &Windows, page: &[Window], now: i64) -> Vec<(i64, i64)> {
        let ends = windows.ends(page, at(0), at(now));
        ends.iter().map(|ends| (ends.after.due_at_ms - 1_000_000, ends.until_ms - 1_000_000)).collect()
    }

    #[test]
    fn each_tenants_ends_are_looked_at_from_where_its_window_was_to_where_it_is() {
        let mut windows = Windows::default();
        assert_eq!(looked_at(&windows, &[tenant(1, 500), tenant(2, 7)], 10), [(500, 510), (7, 17)]);
        windows.looked(&[tenant(1, 500)], at(10));
        assert_eq!(looked_at(&windows, &[tenant(1, 500)], 15), [(510, 515)]);
        assert_eq!(
            looked_at(&windows, &[tenant(1, 900)], 15),
            [(510, 915)],
            "a longer window has come to more"
        );
        assert_eq!(looked_at(&windows, &[tenant(1, 100)], 15), [], "what a longer one had come to was told");
        windows.looked(&[tenant(1, 100)], at(15));
        assert_eq!(looked_at(&windows, &[tenant(1, 100)], 20), [(115, 120)]);
    }

    #[test]
    fn tenants_come_page_by_page_and_then_from_the_first_again() {
        let page = |first: u128, length: i64| -> Vec<Window> {
            (first..).take(usize::try_from(length).expect("few")).map(|number| tenant(number, 1)).collect()
        };
        let mut windows = Windows::default();
        windows.looked(&page(1, limits::WARNED_TENANTS_PAGE), at(0));
        assert_eq!(windows.after, Uuid::from_u128(limits::WARNED_TENANTS_PAGE as u128));
        windows.looked(&page(1000, limits::WARNED_TENANTS_PAGE - 1), at(0));
        assert_eq!(windows.after, Uuid::nil());
    }

    #[test]
    fn a_walk_over_halves_goes_on_where_it_was_and_the_next_begins_a_little_before_its_end() {
        let mut halves = Halves::default();
        assert_eq!(halves.begin(at(0)), (at(0), DuePlace::START));
        let place = DuePlace { due_at_ms: 5, id: Uuid::max() };
        halves.walk = Some((at(0), place));
        assert_eq!(halves.begin(at(100)), (at(0), place), "up to where it was begun for");
        halves.end(at(0));
        let overlap = i64::try_from(limits::WARNINGS_OVERLAP.as_millis()).expect("short");
        let since = DuePlace { due_at_ms: at(-overlap).millis(), ..DuePlace::START };
        assert_eq!(halves.begin(at(200)), (at(200), since));
        halves.end(at(200));
        assert_eq!(halves.first_until, Some(at(0)));
        halves.all_begun_at = None;
        assert_eq!(halves.begin(at(300)), (at(300), DuePlace::START), "now and then from the first of all");
    }

    #[test]
    fn a_full_page_of_ends_is_gone_on_behind_its_last() {
        let place = |ms| DuePlace { due_at_ms: ms, id: Uuid::nil() };
        let ends = |number| Ends { tenant: tenant(number, 0).tenant, after: place(0), until_ms: 9 };
        let mut looked_at = vec![ends(1), ends(2), ends(3)];
        go_on_behind(&mut looked_at, (1, place(4)));
        assert_eq!(looked_at, [Ends { after: place(4), ..ends(2) }, ends(3)]);
    }
}
