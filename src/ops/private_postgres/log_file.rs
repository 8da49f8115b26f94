//! What PostgreSQL says, kept in a file that does not grow for ever.
//!
//! The server writes to it directly, so that it can still tell of a shutdown when the service is gone. It appends, and so
//! the file can be copied aside and emptied under it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::limits;

pub struct LogFile {
    path: PathBuf,
}

impl LogFile {
    pub fn in_dir(data_dir: &Path) -> LogFile {
        LogFile { path: data_dir.join("postgres.log") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }

    /// Lines written between the copy and the emptying are lost.
    pub fn keep_bounded(&self) -> io::Result<()> {
        if fs::metadata(&self.path)?.len() <= limits::POSTGRES_LOG_BYTES {
            return Ok(());
        }
        fs::copy(&self.path, self.path.with_extension("log.1"))?;
        OpenOptions::new().write(true).open(&self.path)?.set_len(0)
    }

    /// Its last lines, for the message of a failed start.
    pub fn tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(limits::POSTGRES_LOG_TAIL_BYTES)))?;
            let mut tail = Vec::new();
            file.take(limits::POSTGRES_LOG_TAIL_BYTES).read_to_end(&mut tail)?;
            Ok(tail)
        };
        match read() {
            Ok(tail) => String::from_utf8_lossy(&tail).trim_end().to_owned(),
            Err(error) => format!("(it cannot be read: {error})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_full_log_is_moved_aside_once_and_its_writer_goes_on() {
        let dir = std::env::temp_dir().join(format!("credledger-log-{}", std::process::id()));
        fs::create_dir(&dir).expect("a fresh directory");
        let log = LogFile::in_dir(&dir);
        let mut writer = log.open().expect("writable");
        let full = vec![b'x'; usize::try_from(limits::POSTGRES_LOG_BYTES).expect("fits") + 1];
        writer.write_all(&full).expect("writable");
        log.keep_bounded().expect("movable");
        writer.write_all(b"later\n").expect("writable");
        log.keep_bounded().expect("nothing to do");
        assert_eq!(log.tail(), "later");
        assert_eq!(fs::metadata(dir.join("postgres.log.1")).expect("aside").len(), full.len() as u64);
        fs::remove_dir_all(&dir).expect("ours");
    }
}
