//! Tours of the documents: steps to copy and paste, each with what comes of it.

use std::path::Path;
use std::process::{Command, Stdio};

/// Stands between the outputs of two steps.
const MARK: &str = "---- step ----";

pub struct Step {
    commands: String,
    /// what the page says comes of it
    output: String,
}

/// The steps of a section.
pub fn steps(page: &str, heading: &str) -> Vec<Step> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).and_then(|rest| rest.split("\n## ").next());
    let steps = section.expect("the page has the tour").split("```bash\n").skip(1);
    steps
        .map(|step| {
            let (commands, rest) = step.split_once("```").expect("a block ends");
            let output = rest.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
            Step { commands: commands.to_owned(), output: output.unwrap_or_default().to_owned() }
        })
        .collect()
}

/// What differs from one installation to the next, as what it is.
fn masked(text: &str) -> String {
    let part_of_a_word = |character: char| character.is_ascii_alphanumeric() || "_-:.".contains(character);
    let mut masked = String::new();
    for line in text.lines() {
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find(|character| !part_of_a_word(character)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end.max(rest.chars().next().map_or(0, char::len_utf8)));
            masked.push_str(match word {
                _ if word.starts_with("cl_live_") && word.len() == "cl_live_".len() + 8 => "PREFIX",
                _ if word.starts_with("cl_live_") => "SECRET",
                _ if word.starts_with("cl_operator_") => "PREFIX",
                _ if word.len() == 36 && word.matches('-').count() == 4 => "ID",
                _ if word.len() == 24 && word.ends_with('Z') && word.contains('T') => "TIME",
                _ if word.starts_with("127.0.0.1:") => "ADDRESS",
                word => word,
            });
            rest = after;
        }
        masked.push('\n');
    }
    masked
}

/// Does all of it in a folder, with the program on the path. `stand_ins`: what the page says in place of what is so here.
#[track_caller]
pub fn goes(steps: &[Step], stand_ins: &[(&str, &str)], folder: &Path) {
    let mut script = String::from("set -euo pipefail\n");
    for step in steps {
        script.push_str(&step.commands);
        script.push_str(&format!("echo '{MARK}'\n"));
    }
    for (stand_in, here) in stand_ins {
        assert!(script.contains(stand_in), "{stand_in}");
        script = script.replace(stand_in, here);
    }
    let program = Path::new(env!("CARGO_BIN_EXE_credledger")).parent().expect("a folder");
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(folder).stdin(Stdio::null());
    bash.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").expect("a path")));
    let output = bash.output().expect("bash runs");
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{failed}");
    let outputs: Vec<&str> = said.split(&format!("{MARK}\n")).collect();
    assert_eq!(outputs.len(), steps.len() + 1, "{said}");
    for (step, came) in steps.iter().zip(outputs) {
        assert_eq!(masked(came), masked(&step.output), "{}\n{came}", step.commands);
    }
}
