//! A short program in another language: it is told what it needs in one argument, and answers in lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Its text.
#[derive(Clone, Copy)]
pub enum Program {
    Node(&'static str),
    Python(&'static str),
}

/// Where scripts/test has installed the libraries.
fn installed() -> PathBuf {
    let told = std::env::var_os("CREDLEDGER_TEST_LIBRARIES");
    PathBuf::from(
        told.expect(
            "CREDLEDGER_TEST_LIBRARIES names where the libraries are installed; scripts/test does that",
        ),
    )
}

impl Program {
    fn command(self, told: &Value) -> Command {
        let folder = installed();
        let mut command = match self {
            Program::Node(text) => {
                let mut command = Command::new("node");
                command.args(["--input-type=module", "--eval", text]);
                command
            }
            Program::Python(text) => {
                let mut command = Command::new(folder.join("python/bin/python"));
                command.args(["-c", text]);
                command
            }
        };
        // Node looks for packages from where such a text runs.
        command.current_dir(folder).arg(told.to_string());
        command
    }

    /// From its start to its end.
    #[track_caller]
    pub fn run(self, told: &Value) -> Value {
        let ended = self.command(told).stdin(Stdio::null()).output().expect("it runs");
        let error = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{}: {error}", ended.status);
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|fault| panic!("{fault}: {error}"))
    }

    pub fn start(self, told: &Value) -> Running {
        let mut command = self.command(told);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let questions = process.stdin.take().expect("its input");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Running { process, questions, answers }
    }
}

/// One that answers each line with one.
pub struct Running {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Running {
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Value {
        writeln!(self.questions, "{line}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        serde_json::from_str(&answer).unwrap_or_else(|fault| panic!("{fault}: {answer:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
