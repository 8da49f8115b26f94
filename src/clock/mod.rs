//! Ground: the one reader of time. Everything else is handed a [`Timestamp`].
//!
//! The database's clock is the clock of the ledger (P13). A node measures its offset to it at each lease renewal and
//! carries it in between by the boot-time clock, which counts suspended time and never jumps. A renewal that was held up tells
//! little about the clock, and changes little.

mod boot;
mod timestamp;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use boot::{boot_clock, system_clock};

pub use boot::BootTime;
pub use timestamp::{NoInstant, Timestamp};

use crate::limits;

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// One reading of the database's clock. It was taken at some moment of its round trip, and nothing says at which: whoever is
/// stopped on the way, the service or a backend, may be so before it or after it. So it proves a range of offsets, no more.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    database_us: i64,
    before: BootTime,
    width: Duration,
}

impl Reading {
    /// `before` and `after`: the boot times just before it was asked for and just after the answer came.
    pub fn new(database_us: i64, before: BootTime, after: BootTime) -> Self {
        Reading { database_us, before, width: after.since(before) }
    }

    async fn of<E>(ask: &mut impl AsyncFnMut() -> Result<i64, E>) -> Result<Self, E> {
        let before = BootTime::now();
        let database_us = ask().await?;
        Ok(Self::new(database_us, before, BootTime::now()))
    }

    fn is_narrow(&self) -> bool {
        self.width <= limits::CLOCK_NARROW
    }

    /// As if it had been taken this long after it was asked for.
    fn offset_at(&self, after: Duration) -> i64 {
        self.database_us.saturating_sub(micros(self.before.plus(after).0))
    }

    fn middle(&self) -> i64 {
        self.offset_at(self.width / 2)
    }

    /// A narrow reading tells more than what was held, and so the offset follows a clock that drifts. Of a wide one only
    /// what it proves is taken: the offset moves no further than into its range.
    fn corrects(&self, held: i64) -> i64 {
        match self.is_narrow() {
            true => self.middle(),
            false => held.clamp(self.offset_at(self.width), self.offset_at(Duration::ZERO)),
        }
    }
}

/// The database's clock as this node knows it. Shared; one writer (the lease), any number of readers.
#[derive(Debug)]
pub struct Clock {
    /// database time minus boot time, in microseconds
    offset_us: AtomicI64,
    /// of the last reading, in microseconds
    width_us: AtomicI64,
}

impl Clock {
    /// From readings of the database's clock that `ask` brings. The first is taken at its middle for want of anything better;
    /// so it is read again, a few times, until a reading is narrow.
    pub async fn read<E>(mut ask: impl AsyncFnMut() -> Result<i64, E>) -> Result<Self, E> {
        let mut reading = Reading::of(&mut ask).await?;
        let clock = Clock::first(&reading);
        for _ in 1..limits::CLOCK_READINGS {
            if reading.is_narrow() {
                break;
            }
            reading = Reading::of(&mut ask).await?;
            clock.measure(&reading);
        }
        Ok(clock)
    }

    fn first(reading: &Reading) -> Self {
        Clock { offset_us: AtomicI64::new(reading.middle()), width_us: AtomicI64::new(micros(reading.width)) }
    }

    pub fn measure(&self, reading: &Reading) {
        let held = self.offset_us.load(Ordering::Relaxed);
        self.offset_us.store(reading.corrects(held), Ordering::Relaxed);
        self.width_us.store(micros(reading.width), Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_us().div_euclid(1000).clamp(0, Timestamp::MAX.0))
    }

    fn now_us(&self) -> i64 {
        micros(boot_clock()).saturating_add(self.offset_us.load(Ordering::Relaxed))
    }

    /// How far the database's clock is ahead of the machine's own, which nothing else looks at. For people, as a metric.
    pub fn ahead_of_the_machine_seconds(&self) -> f64 {
        let machine_us = micros(system_clock(libc::CLOCK_REALTIME));
        self.now_us().saturating_sub(machine_us) as f64 / 1e6
    }

    /// How long the last reading took, there and back.
    pub fn reading_seconds(&self) -> f64 {
        self.width_us.load(Ordering::Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_database_and_not_the_machine() {
        let asked = BootTime::now();
        let clock = Clock::first(&Reading::new(1_800_000_000_000_000, asked, asked));
        let late = clock.now().millis_since(Timestamp(1_800_000_000_000));
        assert!(late < 60_000, "{late} ms after the reading");
        clock.measure(&Reading::new(1_800_000_100_000_000, asked, asked));
        assert!(clock.now().millis() >= 1_800_000_100_000);
    }

    /// A reading, in milliseconds: sent and answered by the boot-time clock, taken in between on a database whose clock is
    /// ahead of that by `ahead`.
    fn reading(ahead: i64, sent: u64, taken: i64, answered: u64) -> Reading {
        let boot = |millis: u64| BootTime::from_nanos(millis * 1_000_000);
        Reading::new((ahead + taken) * 1000, boot(sent), boot(answered))
    }

    #[test]
    fn a_reading_moves_the_clock_no_further_than_it_proves() {
        const AHEAD: i64 = 1_800_000_000_000;
        let narrow = reading(AHEAD, 1000, 1001, 1002);
        // (what happens, the readings, the offset afterwards)
        let cases: [(&str, &[Reading], i64); 9] = [
            ("the first alone: the middle", &[reading(AHEAD, 0, 100, 1000)], AHEAD - 400),
            (
                "a wide one after a wide first",
                &[reading(AHEAD, 0, 100, 1000), reading(AHEAD, 1000, 1015, 1020)],
                AHEAD - 5,
            ),
            ("a narrow one after a wide first", &[reading(AHEAD, 0, 100, 1000), narrow], AHEAD),
            ("a stall after it was taken", &[narrow, reading(AHEAD, 2000, 2001, 3500)], AHEAD),
            ("a stall before it was taken", &[narrow, reading(AHEAD, 2000, 3499, 3500)], AHEAD),
            ("stalls on both sides", &[narrow, reading(AHEAD, 2000, 3000, 3500)], AHEAD),
            (
                "the database's clock is set on",
                &[narrow, reading(AHEAD + 9000, 2000, 2001, 2002)],
                AHEAD + 9000,
            ),
            ("and back", &[narrow, reading(AHEAD - 9000, 2000, 2001, 2002)], AHEAD - 9000),
            ("set on, and stalled", &[narrow, reading(AHEAD + 9000, 2000, 2100, 3500)], AHEAD + 7600),
        ];
        for (what, readings, offset_ms) in cases {
            let clock = Clock::first(&readings[0]);
            readings[1..].iter().for_each(|reading| clock.measure(reading));
            assert_eq!(clock.offset_us.into_inner(), offset_ms * 1000, "{what}");
        }
    }

    /// A database's clock that gains 50 µs a second, read every 2/3 s for an hour: it gains 180 ms.
    #[test]
    fn the_clock_follows_one_that_drifts_as_closely_as_it_is_read() {
        for width_us in [1_000_u64, 5_000, 20_000, 60_000] {
            let clock = Clock::first(&Reading::new(0, BootTime::default(), BootTime::default()));
            for turn in 1..5400_u64 {
                let sent_us = turn * 666_667;
                // taken soon, late, and anywhere between
                let taken_us = sent_us + width_us * (turn % 5) / 4;
                let drifted_us = (taken_us / 20_000).cast_signed();
                let boot = |micros: u64| BootTime::from_nanos(micros * 1000);
                clock.measure(&Reading::new(
                    taken_us.cast_signed() + drifted_us,
                    boot(sent_us),
                    boot(sent_us + width_us),
                ));
                let wrong_us = (clock.offset_us.load(Ordering::Relaxed) - drifted_us).unsigned_abs();
                assert!(
                    wrong_us <= width_us,
                    "{wrong_us} µs wrong in turn {turn} of readings of {width_us} µs"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_first_reading_that_is_wide_is_read_again_until_one_is_narrow_or_patience_ends() {
        for (narrow_at, asked) in [(1, 1), (3, 3), (u32::MAX, limits::CLOCK_READINGS)] {
            let mut asks = 0;
            let clock = Clock::read(async || {
                asks += 1;
                let until = BootTime::now().plus(limits::CLOCK_NARROW + Duration::from_millis(1));
                while asks < narrow_at && BootTime::now() < until {
                    std::hint::spin_loop();
                }
                Ok::<_, ()>(0)
            });
            clock.await.expect("it is told");
            assert!(asks >= asked && asks <= limits::CLOCK_READINGS, "{asks} of {asked}");
        }
    }
}
