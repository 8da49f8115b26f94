//! The ready file: where the service is and, on its first start, the first operator's token.
//!
//! It is asked for by whoever starts the service, and lies where that account may write. When root starts it, the service
//! has become somebody else by the time it is ready; so a helper is started before, and waits as root for the content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Serialize;

use super::{StartError, process};
use crate::limits;

/// The hidden subcommand that the helper runs.
pub const HELPER: &str = "write-ready-file";

#[derive(Serialize)]
pub struct Ready<'a> {
    pub url: &'a str,
    pub data_dir: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_token: Option<&'a str>,
}

pub enum ReadyFile {
    NotAskedFor,
    Own(PathBuf),
    Helped(PathBuf, Child),
}

impl ReadyFile {
    /// Before anything is made: a token that is shown nowhere is lost. A start makes the data directory, and what it lies in.
    pub fn check(path: Option<&Path>, data_dir: &Path) -> Result<(), StartError> {
        let Some(path) = path else { return Ok(()) };
        let folder = folder_of(path);
        if folder.is_dir() || data_dir.starts_with(folder) {
            return Ok(());
        }
        let missing =
            io::Error::new(io::ErrorKind::NotFound, format!("there is no folder {}", folder.display()));
        Err(unwritable(path, &missing))
    }

    /// Before root is given up, and once the data directory is ours: a file of an earlier start would be taken for this one's.
    pub fn prepare(path: Option<&Path>) -> Result<ReadyFile, StartError> {
        let Some(path) = path else { return Ok(ReadyFile::NotAskedFor) };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(path, &error)),
            _ => {}
        }
        if !process::is_root() {
            return Ok(ReadyFile::Own(path.to_owned()));
        }
        let helper = std::env::current_exe()
            .and_then(|program| {
                Command::new(program)
                    .arg(HELPER)
                    .arg(path)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
            })
            .map_err(|error| unwritable(path, &error))?;
        Ok(ReadyFile::Helped(path.to_owned(), helper))
    }

    pub fn write(self, ready: &Ready<'_>) -> Result<(), StartError> {
        let mut content = serde_json::to_vec(ready)
            .map_err(|error| StartError::new(format!("The ready file cannot be put into words: {error}.")))?;
        content.push(b'\n');
        match self {
            ReadyFile::NotAskedFor => Ok(()),
            ReadyFile::Own(path) => write_whole(&path, &content).map_err(|error| unwritable(&path, &error)),
            ReadyFile::Helped(path, helper) => {
                hand_over(helper, &content).map_err(|error| unwritable(&path, &error))
            }
        }
    }
}

fn hand_over(mut helper: Child, content: &[u8]) -> io::Result<()> {
    if let Some(mut input) = helper.stdin.take() {
        input.write_all(content)?;
    }
    match helper.wait()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("its helper failed")),
    }
}

/// What the helper does. Input that ends before it has begun means that the service gave up: then nothing is written.
pub fn help(path: &Path, input: impl Read) -> io::Result<()> {
    let mut content = Vec::new();
    input.take(limits::READY_FILE_BYTES).read_to_end(&mut content)?;
    match content.ends_with(b"\n") {
        true => write_whole(path, &content),
        false => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Never seen half: written beside, synced, renamed.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let directory = folder_of(path);
    let beside = directory.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = write_and_sync(&beside, content).and_then(|()| fs::rename(&beside, path));
    match written {
        Ok(()) => File::open(directory)?.sync_all(),
        Err(error) => {
            // The error at hand says more than one about the remains would.
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

fn write_and_sync(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn unwritable(path: &Path, error: &io::Error) -> StartError {
    let path = path.display();
    StartError::new(format!(
        "The ready file {path} cannot be written: {error}. Choose another with --ready-file."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("credledger-ready-{name}-{}", std::process::id()))
    }

    #[test]
    fn it_is_readable_by_its_owner_alone_and_has_no_token_on_later_starts() {
        let path = scratch("own");
        let ready =
            |operator_token| Ready { url: "http://127.0.0.1:1", data_dir: Path::new("/d"), operator_token };
        ReadyFile::Own(path.clone()).write(&ready(Some("t"))).expect("writable");
        assert_eq!(
            fs::read_to_string(&path).expect("written"),
            "{\"url\":\"http://127.0.0.1:1\",\"data_dir\":\"/d\",\"operator_token\":\"t\"}\n"
        );
        assert_eq!(fs::metadata(&path).expect("written").permissions().mode() & 0o777, 0o600);
        ReadyFile::Own(path.clone()).write(&ready(None)).expect("writable again");
        assert!(!fs::read_to_string(&path).expect("written").contains("operator_token"));
        fs::remove_file(&path).expect("written");
    }

    #[test]
    fn a_helper_whose_service_gave_up_writes_nothing() {
        let path = scratch("helped");
        for cut_short in ["", "{\"url\":"] {
            help(&path, cut_short.as_bytes()).expect("nothing to do");
            assert!(!path.exists());
        }
        help(&path, "{}\n".as_bytes()).expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("written"), "{}\n");
        fs::remove_file(&path).expect("written");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told() {
        let path = scratch("absent").join("ready.json");
        let ready = Ready { url: "", data_dir: Path::new("/"), operator_token: None };
        let sentence = ReadyFile::Own(path).write(&ready).expect_err("no such directory").to_string();
        assert!(sentence.contains("--ready-file"), "{sentence}");
    }
}
