//! `credledger decide`: a past decision judged again by a running service, with the events that decided it.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::find;
use super::remote::{self, Remote};
use super::table::{Column, Out, Table, words};
use crate::ops::StartError;

/// Each flag that is a member of the question, and what it says.
const MEMBERS: [(&str, &str, &str, &str); 7] = [
    ("credential", "credential_id", "ID", "a key or a client by its id: its newest secret of then"),
    ("secret", "secret_id", "ID", "a secret by its id"),
    ("prefix", "prefix", "TEXT", "a secret by how it begins, as lists and logs tell it"),
    ("at", "at", "INSTANT", "when: after the last event that had happened by then (RFC 3339)"),
    ("client-ip", "client_ip", "ADDRESS", "from where the call came"),
    ("operation", "operation", "LABEL", "what the call did"),
    ("for-tenant", "tenant", "TENANT", "whose resource the call was about, by id or slug"),
];

pub fn describe() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).num_args(1).help(help)
    };
    let position =
        flag("position", "N", "when: after the event at this position; with --at, judged at that instant");
    Command::new("decide")
        .about("Judge a past call again: the verdict of then, and the events that decided it")
        .arg(remote::tenant_flag().required(true))
        .args(MEMBERS.map(|(name, _, value, help)| flag(name, value, help)))
        .arg(position.value_parser(clap::value_parser!(u64)))
        .arg(
            flag("scope", "SCOPE", "what the call needed; may stand several times").action(ArgAction::Append),
        )
        .args(remote::flags("a file with the token of an operator who may read the tenant's credentials"))
        .arg(remote::ca_flag())
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("write the answer as the service gives it"),
        )
        .group(ArgGroup::new("whose").args(["credential", "secret", "prefix"]).required(true))
        .group(ArgGroup::new("when").args(["at", "position"]).multiple(true).required(true))
}

/// A refusal is an answer: what was asked is what the verdict was.
pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    if let Some(prefix) = given.get_one::<String>("prefix") {
        find::is_prefix(prefix)?;
    }
    let path = format!("{}/decide", remote::tenant_path(given));
    let told = Remote::of(given)?.post(&path, &question(given))?;
    let mut out = Out::open();
    // Whoever reads no further has seen what it wanted.
    let _ = match given.get_flag("json") {
        true => out.json(&told.to_string())?,
        false => {
            let text = in_words(&told, out.room);
            out.text(&text)?
        }
    };
    Ok(())
}

fn question(given: &ArgMatches) -> Value {
    let mut question = Map::new();
    for (name, member, ..) in MEMBERS {
        question.extend(given.get_one::<String>(name).map(|text| (member.to_owned(), json!(text))));
    }
    question
        .extend(given.get_one::<u64>("position").map(|position| ("position".to_owned(), json!(position))));
    let scopes: Vec<&String> = given.get_many("scope").into_iter().flatten().collect();
    question.insert("scopes".to_owned(), json!(scopes));
    Value::Object(question)
}

/// What is told of a verdict, where it is there: a line for each, under one name.
const LONGEST: usize = "missing scopes".len();
const LINES: [(&str, &str); 11] = [
    ("why", "detail"),
    ("missing scopes", "missing_scopes"),
    ("credential", "credential_id"),
    ("name", "name"),
    ("secret", "secret_id"),
    ("prefix", "prefix"),
    ("scopes", "effective_scopes"),
    ("owner", "owner"),
    ("ends", "expires_at"),
    ("judged at", "judged_at"),
    ("position", "position"),
];

fn in_words(told: &Value, room: Option<usize>) -> String {
    let verdict = match told["reason"].as_str() {
        None => "accepted".to_owned(),
        Some(reason) => format!("refused: {reason}"),
    };
    let mut lines = vec![("verdict", verdict)];
    lines.extend(LINES.iter().filter_map(|(name, member)| Some((*name, told.get(member).and_then(words)?))));
    let nothing = || "no event: there was no such secret then".to_owned();
    lines.push(("decided by", words(&told["decided_by"]).unwrap_or_else(nothing)));
    let rows: Vec<Vec<String>> =
        lines.into_iter().map(|(name, words)| vec![name.to_owned(), words]).collect();
    Table::new(&[Column::whole("").least(LONGEST), Column::folded("")], room).rows(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_reads_as_a_table_without_what_is_not_there() {
        let told = json!({
            "valid": false, "reason": "insufficient_scope", "detail": "It lacks one.", "missing_scopes": ["a.b", "c"],
            "name": null, "prefix": "cl_live_x", "position": 7, "decided_by": [3, 7]
        });
        let expected = "verdict         refused: insufficient_scope\nwhy             It lacks one.\n\
                        missing scopes  a.b, c\nprefix          cl_live_x\nposition        7\ndecided by      3, 7\n";
        assert_eq!(in_words(&told, None), expected);
        let nothing = in_words(&json!({"valid": false, "reason": "not_found", "decided_by": []}), None);
        assert!(nothing.ends_with("decided by      no event: there was no such secret then\n"), "{nothing}");
    }
}
