//! How far it is, on a terminal's stderr and nowhere else. How much there will be, nobody knows before the end.

use std::io::{IsTerminal, Write};

use super::rows::Rows;
use crate::clock::BootTime;
use crate::limits;
use crate::ops::process::terminal_columns;

/// To the line's beginning, and nothing right of the cursor.
const ANEW: &str = "\r\u{1b}[K";

pub struct Progress {
    name: String,
    began: BootTime,
    told: BootTime,
    /// none: there is nobody to tell
    room: Option<usize>,
}

impl Progress {
    pub fn begin(name: &str) -> Self {
        let (stderr, now) = (std::io::stderr(), BootTime::now());
        let room = stderr.is_terminal().then(|| terminal_columns(&stderr).unwrap_or(80));
        Progress { name: name.to_owned(), began: now, told: now, room }
    }

    pub fn tell(&mut self, rows: &Rows) {
        let (Some(room), now) = (self.room, BootTime::now()) else { return };
        if now.since(self.told) < limits::PROGRESS_EVERY {
            return;
        }
        self.told = now;
        let line = line(&self.name, rows.count(), rows.bytes, now.since(self.began).as_millis());
        // One that does not fit would leave lines behind.
        let line: String = line.chars().take(room.saturating_sub(1)).collect();
        write(&format!("{ANEW}{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.room.is_some() {
            write(ANEW);
        }
    }
}

/// A terminal that takes nothing more is no reason to end.
fn write(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn line(name: &str, rows: u64, bytes: u64, millis: u128) -> String {
    let second = u128::from(bytes) * 1000 / millis.max(1);
    let second = amount(u64::try_from(second).unwrap_or(u64::MAX));
    format!("{name}: {rows} rows, {}, {second}/s", amount(bytes))
}

/// In units of a thousand.
pub fn amount(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut unit = 1000;
    let mut told = format!("{bytes} B");
    for name in UNITS {
        if bytes < unit {
            break;
        }
        told = format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit);
        unit = unit.saturating_mul(1000);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_rows_bytes_and_their_rate() {
        assert_eq!(line("trail", 12, 999, 0), "trail: 12 rows, 999 B, 999.0 kB/s");
        assert_eq!(line("trail", 12_400, 3_150_000, 1500), "trail: 12400 rows, 3.1 MB, 2.1 MB/s");
        assert_eq!(amount(u64::MAX), "18446744.0 TB");
    }
}
