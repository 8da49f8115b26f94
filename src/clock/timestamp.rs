//! Instants as the ledger keeps them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, within the years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub(super) i64);

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

    /// Any RFC 3339 instant of the years 1970 to 9999, cut to milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// The same, with what is wrong.
    pub fn read(text: &str) -> Result<Self, NoInstant> {
        // RFC 3339 has four digits for a year; whoever writes more means a later one.
        let year = text.split_once('-').map_or("", |(year, _)| year);
        if year.len() > 4 && year.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoInstant::TooLate);
        }
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NoInstant::Form)?;
        let millis = instant.unix_timestamp_nanos().div_euclid(1_000_000);
        if millis < 0 {
            return Err(NoInstant::TooEarly);
        }
        i64::try_from(millis).ok().and_then(Self::from_millis).ok_or(NoInstant::TooLate)
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

/// Why a text is no instant that is kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInstant {
    Form,
    TooEarly,
    TooLate,
}

impl fmt::Display for NoInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoInstant::Form => "expected an RFC 3339 instant, such as 2030-01-31T12:00:00Z",
            NoInstant::TooEarly => "lies before 1970, where instants begin here",
            NoInstant::TooLate => "lies after the end of 9999 (UTC), the last instant that is kept here",
        })
    }
}

impl std::error::Error for NoInstant {}

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
    fn what_lies_beyond_the_years_that_are_kept_is_told_from_what_is_no_instant() {
        let cases = [
            ("9999-12-31T23:59:59-23:00", NoInstant::TooLate),
            ("10000-01-01T00:00:00Z", NoInstant::TooLate),
            ("1969-12-31T23:59:59Z", NoInstant::TooEarly),
            ("2026-13-01T00:00:00Z", NoInstant::Form),
            ("10000", NoInstant::Form),
            ("tomorrow", NoInstant::Form),
        ];
        for (given, why) in cases {
            assert_eq!(Timestamp::read(given), Err(why), "{given}");
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
}
