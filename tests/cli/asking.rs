//! The commands that ask a service, as an auditor runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::service::{Actor, Service};

/// Somebody with a token in a file, and a service to ask.
pub struct Asking {
    pub url: String,
    pub folder: PathBuf,
    token: String,
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Asking {
    pub fn of(service: &Service, actor: &Actor) -> Self {
        Self::at(service.url(), service.folder(), actor.token.as_deref().expect("a token"))
    }

    pub fn at(url: String, folder: &Path, token: &str) -> Self {
        std::fs::write(folder.join("token"), format!("{token}\n")).expect("a file");
        Asking { url, folder: folder.to_owned(), token: token.to_owned() }
    }

    /// The command with its words, then where the service is and who asks.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.args(args).args(["--url", &self.url, "--token-file"]).arg(self.folder.join("token"));
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command(args))
    }

    #[track_caller]
    pub fn run_on_terminal(&self, columns: u32, args: &[&str]) -> Ran {
        self.ran(self.on_terminal(columns, args))
    }

    /// On a terminal of so many columns, which stdout and stderr lead to.
    pub fn on_terminal(&self, columns: u32, args: &[&str]) -> Command {
        let words: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_credledger"))
            .chain(args.iter().copied())
            .chain(["--url", &self.url, "--token-file", "token"])
            .map(|word| format!("'{word}'"))
            .collect();
        let mut command = Command::new("script");
        command.args(["-qec", &format!("stty cols {columns}; {}", words.join(" ")), "/dev/null"]);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn ran(&self, mut command: Command) -> Ran {
        let output = command.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let ran = Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        // Whatever it says, it never says that.
        assert!(!ran.out.contains(&self.token) && !ran.err.contains(&self.token), "{}{}", ran.out, ran.err);
        ran
    }
}

impl Ran {
    /// What it said, of one that did as it was told.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// What it complained of, of one that failed with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        assert!(!self.err.contains('\u{1b}') && !self.err.trim().is_empty(), "{:?}", self.err);
        self.err
    }
}

/// A folder of its own, which goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = PathBuf::from(format!("/tmp/credledger-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).expect("a folder");
        Folder(folder)
    }

    /// What lies in it, but for the token.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "token");
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
