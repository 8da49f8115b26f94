//! Ground: the one reader of time. Everything else is handed a [`Timestamp`].
//!
//! The database's clock is the clock of the ledger (P13). A node measures its offset to it at each lease renewal and
//! carries it in between by the boot-time clock, which counts suspended time and never jumps.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, within the years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z, the latest instant RFC 3339 can write.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999);

    /// `None` outside the years 1970 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// Any RFC 3339 instant, cut to milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Self::from_millis(i64::try_from(instant.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?)
    }

    /// Saturates at [`Timestamp::MAX`].
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self((self.0 + i64::from(seconds) * 1000).min(Self::MAX.0))
    }

    /// Zero when `earlier` is not earlier.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: std::ops::Range<usize>, mut number: u32| {
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0..4, instant.year().unsigned_abs());
        put(5..7, u8::from(instant.month()).into());
        put(8..10, instant.day().into());
        put(11..13, instant.hour().into());
        put(14..16, instant.minute().into());
        put(17..19, instant.second().into());
        put(20..23, instant.millisecond().into());
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("not an RFC 3339 instant between the years 1970 and 9999")
        })
    }
}

/// A reading of the boot-time clock: monotonic, and counting the time that the machine was suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    pub fn now() -> Self {
        Self(boot_clock())
    }

    /// From what [`BootTime::nanos`] gave; for an instant kept in an atomic.
    pub fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    pub fn since(self, earlier: BootTime) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Linux counts suspended time in `CLOCK_BOOTTIME`; macOS does so in its monotonic clock.
fn boot_clock() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut reading = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `reading` is a valid timespec that outlives the call; the clock id is a constant of the platform.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::clock_gettime(CLOCK, &mut reading) };
    assert_eq!(outcome, 0, "the machine has no boot-time clock");
    Duration::new(reading.tv_sec.unsigned_abs(), u32::try_from(reading.tv_nsec).unwrap_or(0))
}

/// The database's clock as this node knows it. Shared; one writer (the lease), any number of readers.
#[derive(Debug)]
pub struct Clock {
    /// database time minus boot time, in microseconds
    offset_us: AtomicI64,
}

impl Clock {
    /// From one reading of the database's clock, taken in the middle of its call (schema/functions/lease_take.sql), and the boot
    /// times just before and after it was asked for.
    pub fn measured(database_us: i64, before: BootTime, after: BootTime) -> Self {
        let clock = Clock { offset_us: AtomicI64::new(0) };
        clock.measure(database_us, before, after);
        clock
    }

    /// Takes a new reading; returns by how many microseconds the offset moved.
    pub fn measure(&self, database_us: i64, before: BootTime, after: BootTime) -> i64 {
        let middle_ns = before.nanos() / 2 + after.nanos() / 2;
        let offset = database_us - i64::try_from(middle_ns / 1000).unwrap_or(i64::MAX);
        offset - self.offset_us.swap(offset, Ordering::Relaxed)
    }

    pub fn now(&self) -> Timestamp {
        let boot_us = i64::try_from(BootTime::now().nanos() / 1000).unwrap_or(i64::MAX);
        let now_us = boot_us.saturating_add(self.offset_us.load(Ordering::Relaxed));
        Timestamp(now_us.div_euclid(1000).clamp(0, Timestamp::MAX.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_cut_to_milliseconds_and_written_in_utc() {
        let cases = [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000Z"),
            ("2026-11-20T12:00:00.123999+02:00", "2026-11-20T10:00:00.123Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ];
        for (given, written) in cases {
            assert_eq!(Timestamp::parse(given).map(|at| at.to_string()).as_deref(), Some(written));
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for given in [
            "",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "1969-12-31T23:59:59Z",
            "yesterday",
            "9999-12-31T23:59:59-23:00",
        ] {
            assert_eq!(Timestamp::parse(given), None, "{given}");
        }
    }

    #[test]
    fn the_clock_follows_the_database_and_not_the_machine() {
        let before = BootTime::now();
        let clock = Clock::measured(1_800_000_000_000_000, before, before);
        let late = clock.now().millis_since(Timestamp(1_800_000_000_000));
        assert!(late < 60_000, "{late} ms after the reading");
        let moved = clock.measure(1_800_000_100_000_000, before, before);
        assert_eq!(moved, 100_000_000);
        assert!(clock.now().millis() >= 1_800_000_100_000);
    }
}
