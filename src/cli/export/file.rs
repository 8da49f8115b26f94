//! A file that is there under its name only once it is whole and on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::table::visible;
use crate::ops::StartError;

/// For its owner alone: what it holds are names and addresses.
const MODE: u32 = 0o600;

/// On its way, under another name beside the one that it will have. Dropped before it is finished, it is gone.
pub struct Begun {
    file: File,
    beside: PathBuf,
    output: PathBuf,
    force: bool,
}

impl Begun {
    pub fn at(output: &Path, force: bool) -> Result<Self, StartError> {
        match fs::symlink_metadata(output) {
            Ok(found) if !found.is_file() => {
                return Err(StartError::new(format!("{} is no file.", shown(output))));
            }
            Ok(_) if !force => return Err(taken(output)),
            _ => {}
        }
        let Some(name) = output.file_name() else {
            return Err(StartError::new(format!("{} is no name of a file.", shown(output))));
        };
        let beside =
            output.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside);
        let file = made.map_err(|error| failed(output, error))?;
        Ok(Begun { file, beside, output: output.to_owned(), force })
    }

    pub fn write_all(&self, piece: &[u8]) -> std::io::Result<()> {
        (&self.file).write_all(piece)
    }

    pub fn failed(&self, error: std::io::Error) -> StartError {
        failed(&self.output, error)
    }

    /// Its name after its bytes, each on disk before the next.
    pub fn finish(self) -> Result<(), StartError> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        match self.force {
            true => fs::rename(&self.beside, &self.output).map_err(|error| self.failed(error))?,
            false => self.name_anew()?,
        }
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        folder.map_err(|error| self.failed(error))
    }

    /// A file that came there meanwhile stays. Where the file system has no links, that is looked for once more instead.
    fn name_anew(&self) -> Result<(), StartError> {
        match fs::hard_link(&self.beside, &self.output) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken(&self.output)),
            Err(_) if fs::symlink_metadata(&self.output).is_ok() => Err(taken(&self.output)),
            Err(_) => fs::rename(&self.beside, &self.output).map_err(|error| self.failed(error)),
        }
    }
}

impl Drop for Begun {
    /// After a rename there is nothing under that name any more.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside);
    }
}

fn taken(output: &Path) -> StartError {
    StartError::new(format!(
        "{} is there already. Choose another --output, or --force to replace it.",
        shown(output)
    ))
}

fn failed(output: &Path, error: std::io::Error) -> StartError {
    StartError::new(format!("{} can't be written: {error}.", shown(output)))
}

fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}
