//! One more master key, put before the others. The old ones stay: digests and macs that name them are checked under them.
//!
//! ```text
//! master.rotating   the number of the key that is being added: there from before the key until everything is sealed under it
//! master.next       the new file, until it takes the old one's place
//! ```

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::master_key::{KeyFileError, MasterKeys, fresh_key, sync_folder};
use crate::limits;

/// A rotation whose key is in its file, and on the disk. To be [`finish`](Rotation::finish)ed when nothing is sealed under
/// an older key any more; one that is not is taken up by the next.
#[derive(Debug)]
pub struct Rotation {
    pub keys: MasterKeys,
    pub number: u32,
    /// an earlier rotation added the key and was interrupted
    pub taken_up: bool,
    marker: PathBuf,
}

impl Rotation {
    /// The caller keeps others from rotating at the same time.
    pub fn begin(path: &Path) -> Result<Rotation, KeyFileError> {
        let keys = MasterKeys::read(path)?;
        // What a symlink points to is what is replaced.
        let path = &path.canonicalize().map_err(|cause| KeyFileError::Unreadable(path.to_owned(), cause))?;
        let marker = path.with_extension("rotating");
        let marked = match std::fs::read_to_string(&marker) {
            // One that can't be read costs one more key, nothing else.
            Ok(text) => text.trim().parse::<u32>().ok(),
            Err(cause) if cause.kind() == ErrorKind::NotFound => None,
            Err(cause) => return Err(KeyFileError::Unreadable(marker, cause)),
        };
        if marked == Some(keys.newest()) {
            return Ok(Rotation { number: keys.newest(), keys, taken_up: true, marker });
        }
        let keys = keys.with_one_more().ok_or_else(|| KeyFileError::Full(path.clone()))?;
        let written = mark(&marker, keys.newest()).and_then(|()| keys.replace(path));
        written.map_err(|cause| KeyFileError::NotWritten(path.clone(), cause))?;
        Ok(Rotation { number: keys.newest(), keys, taken_up: false, marker })
    }

    pub fn finish(&self) -> Result<(), KeyFileError> {
        let removed = std::fs::remove_file(&self.marker).and_then(|()| sync_folder(&self.marker));
        removed.map_err(|cause| KeyFileError::NotWritten(self.marker.clone(), cause))
    }
}

/// Read again only if the key that it names is the newest, so a torn one does no harm.
fn mark(marker: &Path, number: u32) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(marker)?;
    file.write_all(format!("{number}\n").as_bytes())?;
    file.sync_all()?;
    sync_folder(marker)
}

impl MasterKeys {
    pub fn newest(&self) -> u32 {
        self.newest_first[0].0
    }

    /// `None` when the file is full.
    fn with_one_more(mut self) -> Option<Self> {
        let number = self.newest().checked_add(1)?;
        self.newest_first.insert(0, (number, fresh_key()));
        (self.newest_first.len() <= limits::MASTER_KEYS).then_some(self)
    }

    /// Whole or not at all, and in the hands of whom it was in.
    fn replace(&self, path: &Path) -> std::io::Result<()> {
        let next = path.with_extension("next");
        match std::fs::remove_file(&next) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        self.write_beside(&next)?;
        let (old, new) = (std::fs::metadata(path)?, File::open(&next)?);
        let made = new.metadata()?;
        if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
            fchown(&new, Some(old.uid()), Some(old.gid()))?;
        }
        std::fs::rename(&next, path)?;
        sync_folder(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> (Folder, PathBuf) {
            let folder = std::env::temp_dir().join(format!("credledger-{name}-{}", std::process::id()));
            std::fs::create_dir(&folder).expect("a fresh folder");
            let path = folder.join("master.key");
            MasterKeys::create(&path).expect("a first key");
            (Folder(folder), path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn numbers(path: &Path) -> Vec<u32> {
        MasterKeys::read(path).expect("a key file").newest_first().map(|(number, _)| number).collect()
    }

    #[test]
    fn each_rotation_puts_a_key_before_the_others_and_keeps_them() {
        let (folder, path) = Folder::new("rotation");
        let old = MasterKeys::read(&path).expect("a key file").newest_first[0].1.clone();
        for number in 2..=3 {
            let rotation = Rotation::begin(&path).expect("a rotation");
            assert_eq!((rotation.number, rotation.taken_up), (number, false));
            rotation.finish().expect("an end");
        }
        assert_eq!(numbers(&path), [3, 2, 1]);
        assert_eq!(*MasterKeys::read(&path).expect("a key file").newest_first[2].1, *old);
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder.0).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn one_that_was_interrupted_is_taken_up_and_adds_no_second_key() {
        let (_folder, path) = Folder::new("interrupted-rotation");
        // Before the key was in its place: what was written beside it counts for nothing.
        mark(&path.with_extension("rotating"), 2).expect("writable");
        std::fs::write(path.with_extension("next"), "torn").expect("writable");
        assert!(!Rotation::begin(&path).expect("a rotation").taken_up);
        assert_eq!(numbers(&path), [2, 1]);
        // After it, however often.
        for _ in 0..2 {
            assert!(Rotation::begin(&path).expect("a rotation").taken_up);
        }
        Rotation::begin(&path).expect("a rotation").finish().expect("an end");
        assert_eq!(numbers(&path), [2, 1]);
        assert!(!Rotation::begin(&path).expect("the next").taken_up);
        assert_eq!(numbers(&path), [3, 2, 1]);
    }

    #[test]
    fn a_symlink_stays_one() {
        let (folder, path) = Folder::new("linked-rotation");
        let link = folder.0.join("linked.key");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        Rotation::begin(&link).expect("a rotation").finish().expect("an end");
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(numbers(&path), [2, 1]);
    }

    #[test]
    fn a_full_file_is_left_as_it_is() {
        let (_folder, path) = Folder::new("full-rotation");
        let most = u32::try_from(limits::MASTER_KEYS).expect("a small number");
        let full = MasterKeys::for_tests(&(1..=most).collect::<Vec<_>>());
        std::fs::write(&path, full.text().as_bytes()).expect("writable");
        assert!(matches!(Rotation::begin(&path), Err(KeyFileError::Full(_))));
        assert_eq!(numbers(&path).len(), limits::MASTER_KEYS);
    }
}
