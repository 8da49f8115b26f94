//! `credledger export`: the whole of something, told by a running service, into a file that is whole or is not there.

mod file;
mod progress;
mod rows;

use std::io::BufRead;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use super::filters::{self, Filter, OF_ACTIVITY, OF_CHANGES, OF_LIST, OF_TRAIL, filtered};
use super::remote::{self, Answer, Remote, cut, with};
use super::table::{Out, visible};
use super::{find, trail};
use crate::ops::StartError;
use file::Begun;
use progress::{Progress, amount};
use rows::Rows;

/// Something that is told as a whole.
struct What {
    name: &'static str,
    about: &'static str,
    of: Of,
    filters: &'static [Filter],
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// under a tenant, by the last piece of its path
    Tenant(&'static str),
    Credential,
    Ledger,
}

const WHATS: [What; 7] = [
    What {
        name: "trail",
        about: "Export what happened in a tenant",
        of: Of::Tenant("audit"),
        filters: OF_TRAIL,
    },
    What {
        name: "history",
        about: "Export what happened to a key or client",
        of: Of::Credential,
        filters: &[],
    },
    What {
        name: "activity",
        about: "Export the calls of a tenant, or of one key or client",
        of: Of::Tenant("activity"),
        filters: OF_ACTIVITY,
    },
    What {
        name: "keys",
        about: "Export a tenant's keys, as they are or as they were",
        of: Of::Tenant("keys"),
        filters: OF_LIST,
    },
    What {
        name: "clients",
        about: "Export a tenant's clients, as they are or as they were",
        of: Of::Tenant("clients"),
        filters: OF_LIST,
    },
    What {
        name: "changes",
        about: "Export which keys and clients of a tenant differ between two moments",
        of: Of::Tenant("changes"),
        filters: OF_CHANGES,
    },
    What {
        name: "ledger",
        about: "Export every event of the ledger; for root and auditors of all",
        of: Of::Ledger,
        filters: &[],
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Ndjson,
    Csv,
}

impl Form {
    fn of(given: &ArgMatches) -> Self {
        match given.get_one::<String>("format").map(String::as_str) {
            Some("csv") => Form::Csv,
            _ => Form::Ndjson,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Form::Ndjson => "application/x-ndjson",
            Form::Csv => "text/csv",
        }
    }
}

pub fn describe() -> Command {
    Command::new("export")
        .about("Write the whole of a trail, history, activity log or list into a file")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(WHATS.iter().map(describe_one))
}

fn describe_one(what: &'static What) -> Command {
    let command = Command::new(what.name).about(what.about);
    let command = match what.of {
        Of::Tenant(_) => command.arg(remote::tenant_flag().required(true)),
        Of::Credential => command.arg(find::argument()).arg(remote::tenant_flag().required(true)),
        Of::Ledger => command.arg(trail::position_flag()),
    };
    let forms = if what.of == Of::Ledger { vec!["ndjson"] } else { vec!["ndjson", "csv"] };
    command
        .args(filters::flags(what.filters))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORM")
                .value_parser(PossibleValuesParser::new(forms))
                .default_value("ndjson")
                .help("how it is written: a JSON object a line, or a table for spreadsheets"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("where to; the file is for its owner alone (0600), and is there only once it is whole"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("replace a file that is there"))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("say as JSON what was written"))
        .args(remote::flags("a file with the token of an operator who may read this"))
        .arg(remote::ca_flag())
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let Some((name, given)) = given.subcommand() else { return Ok(()) };
    let Some(what) = WHATS.iter().find(|what| what.name == name) else { return Ok(()) };
    let (remote, form) = (Remote::of(given)?, Form::of(given));
    let output = given.get_one::<PathBuf>("output").cloned().unwrap_or_default();
    // What can't be written is told before anything is asked.
    let begun = Begun::at(&output, given.get_flag("force"))?;
    let path = filtered(path(what.of, &remote, given)?, what.filters, given)?;
    let (rows, bytes) = written(remote.get(&path, form.media_type())?, form, begun, what.name)?;
    let shown = output.display().to_string();
    let told = match given.get_flag("json") {
        true => json!({"output": shown, "rows": rows, "bytes": bytes}).to_string(),
        false => format!("{rows} rows ({}) are in {}.", amount(bytes), visible(&shown)),
    };
    let _ = Out::open().text(&(told + "\n"))?;
    Ok(())
}

fn path(of: Of, remote: &Remote, given: &ArgMatches) -> Result<String, StartError> {
    Ok(match of {
        Of::Tenant(last) => format!("{}/{last}", remote::tenant_path(given)),
        Of::Credential => format!("{}/history", find::credential(remote, given)?),
        Of::Ledger => with(trail::LEDGER, "from", &trail::position(given).to_string()),
    })
}

/// How many rows and bytes there were, once all of it is in the file under its name.
fn written(answer: Answer, form: Form, begun: Begun, name: &str) -> Result<(u64, u64), StartError> {
    let broken = |why: String| {
        StartError::new(format!("The export broke off: {why}. Nothing was written; ask again."))
    };
    if !answer.has_an_end() {
        return Err(broken("nobody could tell whether the answer is whole".to_owned()));
    }
    let mut body = answer.body();
    let (mut rows, mut progress) = (Rows::of(form), Progress::begin(name));
    loop {
        let piece = body.fill_buf().map_err(|error| broken(cut(error)))?;
        if piece.is_empty() {
            break;
        }
        begun.write_all(piece).map_err(|error| begun.failed(error))?;
        rows.take(piece);
        let taken = piece.len();
        body.consume(taken);
        progress.tell(&rows);
    }
    drop(progress);
    if !rows.are_whole() {
        return Err(broken("the last row is not whole".to_owned()));
    }
    begun.finish()?;
    Ok((rows.count(), rows.bytes))
}
