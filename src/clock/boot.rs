//! The machine's clocks: the one that counts the time since it was started, and the one on its wall.

use std::time::Duration;

/// A reading of the boot-time clock: monotonic, and counting the time that the machine was suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub(super) Duration);

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
pub(super) fn boot_clock() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    system_clock(CLOCK)
}

pub(super) fn system_clock(clock: libc::clockid_t) -> Duration {
    let mut reading = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `reading` is a valid timespec that outlives the call; the clock id is a constant of the platform.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::clock_gettime(clock, &mut reading) };
    assert_eq!(outcome, 0, "the machine lacks clock {clock}");
    Duration::new(reading.tv_sec.unsigned_abs(), u32::try_from(reading.tv_nsec).unwrap_or(0))
}
