//! The README's tour, done as it says, against a fresh service.

use std::process::{Command, Stdio};

use crate::support::service::Service;

const README: &str = include_str!("../../README.md");
/// Stands between the outputs of two steps.
const MARK: &str = "---- step ----";

struct Step {
    commands: String,
    /// what the page says comes of it
    output: String,
}

fn tour() -> Vec<Step> {
    let section = README.split("## A five-minute tour").nth(1).and_then(|rest| rest.split("\n## ").next());
    let steps = section.expect("the README has the tour").split("```bash\n").skip(1);
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

#[test]
fn the_tour_goes_as_the_readme_says() {
    let service = Service::start();
    let token = service.root().token.expect("root has a token");
    let steps = tour();
    let mut script = String::from("set -euo pipefail\n");
    for step in &steps {
        script.push_str(&step.commands);
        script.push_str(&format!("echo '{MARK}'\n"));
    }
    assert!(script.contains("URL=http://127.0.0.1:8080\n") && script.contains("TOKEN=cl_operator_…\n"));
    let script = script.replace("http://127.0.0.1:8080", &service.url()).replace("cl_operator_…", &token);
    let output = Command::new("bash").arg("-c").arg(script).stdin(Stdio::null()).output().expect("bash runs");
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{failed}");
    let outputs: Vec<String> = said.split(&format!("{MARK}\n")).map(masked).collect();
    assert_eq!(outputs.len(), steps.len() + 1, "{said}");
    assert!(steps.len() >= 6, "the tour was not found");
    for (step, came) in steps.iter().zip(outputs) {
        assert_eq!(came, masked(&step.output), "{}", step.commands);
    }
}
