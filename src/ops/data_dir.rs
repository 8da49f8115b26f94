//! The data directory: made, owned by the account that the service runs as, closed to others, and used by one service.
//!
//! The lock is one on the directory itself. So there is no lock file that could be put in its place while root looks.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::StartError;
use super::process::{self, Account};

const PRIVATE: u32 = 0o700;

#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// `account` is whom root will become; None for anybody else.
    pub fn claim(path: &Path, account: Option<&Account>) -> Result<DataDir, StartError> {
        Self::claim_free(path, account)?.ok_or_else(|| {
            StartError::new(format!(
                "The data directory {} is in use by another credledger. Stop that one, or choose another with --data-dir.",
                path.display()
            ))
        })
    }

    /// None when it is in use.
    pub fn claim_free(path: &Path, account: Option<&Account>) -> Result<Option<DataDir>, StartError> {
        let unusable = |error| unusable(path, &error);
        make(path).map_err(unusable)?;
        let path = fs::canonicalize(path).map_err(unusable)?;
        let directory = File::open(&path).map_err(unusable)?;
        if !process::lock_exclusively(&directory).map_err(unusable)? {
            return Ok(None);
        }
        settle_owner(&path, account).map_err(unusable)??;
        Ok(Some(DataDir { path, _lock: directory }))
    }

    /// There, and the account's, without being claimed; its path without symlinks.
    pub fn provide(path: &Path, account: Option<&Account>) -> Result<PathBuf, StartError> {
        let unusable = |error| unusable(path, &error);
        make(path).map_err(unusable)?;
        let path = fs::canonicalize(path).map_err(unusable)?;
        settle_owner(&path, account).map_err(unusable)??;
        Ok(path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asked after root was given up: a parent may be closed to the account that took over.
    pub fn check_reach(&self, account: Option<&Account>) -> Result<(), StartError> {
        let unreachable =
            self.path.ancestors().skip(1).filter(|parent| fs::metadata(parent.join(".")).is_err()).last();
        match (fs::read_dir(&self.path), unreachable) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(parent)) => Err(StartError::new(format!(
                "The data directory {} cannot be reached by {}, whom the service runs as: {} is closed to it. Open that \
                 one for passing through (chmod o+x), or choose another with --data-dir.",
                self.path.display(),
                account.map_or("this account", |account| account.name.as_str()),
                parent.display()
            ))),
            (Err(error), None) => Err(StartError::new(format!(
                "The data directory {} cannot be read: {error}. Mend that, or choose another with --data-dir.",
                self.path.display()
            ))),
        }
    }
}

fn unusable(path: &Path, error: &io::Error) -> StartError {
    StartError::new(format!(
        "The data directory {} cannot be used: {error}. Mend that, or choose another with --data-dir.",
        path.display()
    ))
}

/// Parents are open for passing through, as parents usually are; the directory itself is closed from its first moment.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

/// An empty directory of root's is handed over; one that holds something is not, since what is in it would stay root's.
fn settle_owner(path: &Path, account: Option<&Account>) -> io::Result<Result<(), StartError>> {
    let owner = fs::metadata(path)?.uid();
    let wanted = account.map_or_else(process::effective_uid, |account| account.uid);
    if owner != wanted {
        let Some(account) = account.filter(|_| owner == 0 && is_empty(path)) else {
            let name = account.map_or_else(|| format!("user {wanted}"), |account| account.name.clone());
            return Ok(Err(StartError::new(format!(
                "The data directory {} belongs to user {owner}, and the service runs as {name}. Hand it over \
                 (chown -R), or choose another with --data-dir.",
                path.display()
            ))));
        };
        chown(path, Some(account.uid), Some(account.gid))?;
    }
    fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
    Ok(Ok(()))
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("credledger-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a fresh directory");
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_is_made_with_its_parents_and_closed_to_others() {
        let scratch = Scratch::new("made");
        let claimed = DataDir::claim(&scratch.0.join("a/b"), None).expect("claimable");
        let mode = fs::metadata(claimed.path()).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, PRIVATE);
    }

    #[test]
    fn an_open_directory_of_ours_is_closed() {
        let scratch = Scratch::new("open");
        fs::set_permissions(&scratch.0, Permissions::from_mode(0o755)).expect("ours");
        let claimed = DataDir::claim(&scratch.0, None).expect("claimable");
        assert_eq!(fs::metadata(claimed.path()).expect("there").permissions().mode() & 0o777, PRIVATE);
    }

    #[test]
    fn a_second_service_is_refused_until_the_first_is_gone() {
        let scratch = Scratch::new("second");
        let first = DataDir::claim(&scratch.0, None).expect("claimable");
        let sentence = DataDir::claim(&scratch.0, None).expect_err("claimed twice").to_string();
        assert!(sentence.contains("is in use by another credledger"), "{sentence}");
        drop(first);
        DataDir::claim(&scratch.0, None).expect("claimable again");
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let scratch = Scratch::new("file");
        let path = scratch.0.join("file");
        fs::write(&path, "").expect("writable");
        let sentence = DataDir::claim(&path, None).expect_err("a file").to_string();
        assert!(sentence.contains("cannot be used") && sentence.contains("--data-dir"), "{sentence}");
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_alone() {
        let scratch = Scratch::new("foreign");
        let other = Account { name: "somebody".into(), uid: process::effective_uid() + 1, gid: 1 };
        fs::write(scratch.0.join("theirs"), "").expect("writable");
        let sentence = DataDir::claim(&scratch.0, Some(&other)).expect_err("foreign").to_string();
        assert!(sentence.contains("the service runs as somebody"), "{sentence}");
    }
}
