//! The master key file: numbered keys, newest first, readable by its owner alone.
//!
//! ```text
//! credledger master key v1
//! 2 6q0q…
//! 1 k81z…
//! ```

use std::fmt;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::limits;

const HEADING: &str = "credledger master key v1";

/// Longer than any file this service writes.
const FILE_BYTES_MAX: u64 = limits::MASTER_KEYS as u64 * 128;

pub struct MasterKeys {
    pub(super) newest_first: Vec<(u32, Zeroizing<[u8; 32]>)>,
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeys")
    }
}

#[derive(Debug)]
pub enum KeyFileError {
    Missing(PathBuf),
    Unreadable(PathBuf, std::io::Error),
    OpenToOthers(PathBuf, u32),
    Malformed(PathBuf, &'static str),
    NotWritten(PathBuf, std::io::Error),
    Full(PathBuf),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "the master key {} is missing: put it back from its backup, or name it with --master-key-file; \
                 without it no stored secret can be checked",
                path.display()
            ),
            Self::Unreadable(path, cause) => {
                write!(f, "the master key {} can't be read: {cause}", path.display())
            }
            Self::OpenToOthers(path, mode) => write!(
                f,
                "the master key {0} is open to other accounts (mode {mode:o}): run chmod 600 {0}",
                path.display()
            ),
            Self::Malformed(path, what) => write!(
                f,
                "the master key {} is not as it was written ({what}): put it back from its backup",
                path.display()
            ),
            Self::NotWritten(path, cause) => {
                write!(f, "the master key {} can't be written: {cause}", path.display())
            }
            Self::Full(path) => write!(
                f,
                "the master key {} holds {} keys, which is all it may: every one of them is tried on a secret that is \
                 looked up",
                path.display(),
                limits::MASTER_KEYS
            ),
        }
    }
}

impl std::error::Error for KeyFileError {}

impl MasterKeys {
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u32, &[u8; 32])> {
        self.newest_first.iter().map(|(number, key)| (*number, &**key))
    }

    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |cause| KeyFileError::Unreadable(path.to_owned(), cause);
        let about = std::fs::metadata(path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
            _ => unreadable(cause),
        })?;
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::OpenToOthers(path.to_owned(), mode));
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(KeyFileError::Malformed(path.to_owned(), "it is too long"));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        Self::parse(&text).map_err(|what| KeyFileError::Malformed(path.to_owned(), what))
    }

    /// Makes the first key. Never overwrites: a file that is there by now, made by another start, is the one that counts.
    pub fn create(path: &Path) -> Result<Self, KeyFileError> {
        let keys = MasterKeys { newest_first: vec![(1, fresh_key())] };
        match keys.write_new(path) {
            Ok(()) => Ok(keys),
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => Self::read(path),
            Err(cause) => Err(KeyFileError::NotWritten(path.to_owned(), cause)),
        }
    }

    /// There whole or not at all: a start that is killed here leaves no torn key behind, which nobody could put back.
    fn write_new(&self, path: &Path) -> std::io::Result<()> {
        let beside = path.with_extension(format!("new-{:016x}", u64::from_be_bytes(super::random_bytes())));
        let written = self.write_beside(&beside).and_then(|()| std::fs::hard_link(&beside, path));
        // Gone already where nothing could be written; what went wrong before says more.
        let _ = std::fs::remove_file(&beside);
        written?;
        sync_folder(path)
    }

    pub(super) fn write_beside(&self, beside: &Path) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{HEADING}\n"));
        for (number, key) in &self.newest_first {
            text.push_str(&format!("{number} "));
            for byte in key.iter() {
                text.push_str(&format!("{byte:02x}"));
            }
            text.push('\n');
        }
        text
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADING) {
            return Err("its first line is another");
        }
        let mut newest_first = Vec::new();
        for line in lines {
            newest_first.push(parse_line(line).ok_or("a line is not a number and a key")?);
        }
        if newest_first.is_empty() {
            return Err("it holds no key");
        }
        if !newest_first.windows(2).all(|pair| pair[0].0 > pair[1].0) {
            return Err("its numbers don't fall from line to line");
        }
        Ok(MasterKeys { newest_first })
    }

    #[cfg(test)]
    pub fn for_tests(numbers: &[u32]) -> Self {
        let mut newest_first: Vec<_> =
            numbers.iter().map(|&number| (number, Zeroizing::new([number as u8; 32]))).collect();
        newest_first.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        MasterKeys { newest_first }
    }
}

pub(super) fn fresh_key() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    super::fill_random(&super::random_source(), &mut *key);
    key
}

/// So that a power loss takes back no name in it.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn parse_line(line: &str) -> Option<(u32, Zeroizing<[u8; 32]>)> {
    let (number, hex) = line.split_once(' ')?;
    let hex = hex.as_bytes();
    if hex.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (byte, digits) in key.iter_mut().zip(hex.chunks_exact(2)) {
        let high = char::from(digits[0]).to_digit(16)?;
        let low = char::from(digits[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some((number.parse().ok().filter(|&number| number > 0)?, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let keys = MasterKeys::for_tests(&[1, 2, 10]);
        let again = MasterKeys::parse(&keys.text()).expect("own text");
        assert!(again.newest_first().eq(keys.newest_first()));
        assert_eq!(again.newest_first().map(|(number, _)| number).collect::<Vec<_>>(), [10, 2, 1]);
    }

    #[test]
    fn the_first_key_is_made_once_whoever_comes_second_and_leaves_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("credledger-key-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a fresh folder");
        let path = folder.join("master.key");
        let made: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| MasterKeys::create(&path))).collect();
            let made = makers.into_iter().map(|maker| maker.join().expect("no panic").expect("a key"));
            made.map(|keys| keys.text().to_string()).collect()
        });
        let stored = std::fs::read_to_string(&path).expect("written");
        assert!(made.iter().all(|keys| *keys == stored));
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1);
        std::fs::remove_dir_all(&folder).expect("ours");
    }

    #[test]
    fn a_file_that_was_changed_is_refused() {
        let good = MasterKeys::for_tests(&[1]).text().to_string();
        let cases = [
            String::new(),
            HEADING.to_owned(),
            good.replace("v1", "v2"),
            good.replace("1 01", "0 01"),
            good.replace("1 01", "x 01"),
            good.replace("1 01", "1 zz"),
            format!("{good}1 {}\n", "00".repeat(32)),
            format!("{good}\n"),
        ];
        for text in cases {
            assert!(MasterKeys::parse(&text).is_err(), "{text:?}");
        }
    }
}
