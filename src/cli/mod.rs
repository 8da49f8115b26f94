//! The command line: one subcommand, one file.

mod decide;
mod events;
mod export;
mod filters;
mod find;
mod history;
mod import;
mod key;
mod leak_rules;
mod operator;
mod rebuild;
mod remote;
mod serve;
mod table;
mod trail;
mod write_ready_file;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use crate::ops::StartError;
use crate::ops::config::{Config, LogFormat, MEMBERS, Member};
use crate::ops::telemetry;

struct Subcommand {
    describe: fn() -> Command,
    run: fn(&ArgMatches) -> Result<(), StartError>,
}

const SUBCOMMANDS: [Subcommand; 11] = [
    Subcommand { describe: serve::describe, run: serve::run },
    Subcommand { describe: history::describe, run: history::run },
    Subcommand { describe: trail::describe, run: trail::run },
    Subcommand { describe: decide::describe, run: decide::run },
    Subcommand { describe: export::describe, run: export::run },
    Subcommand { describe: import::describe, run: import::run },
    Subcommand { describe: key::describe, run: key::run },
    Subcommand { describe: leak_rules::describe, run: leak_rules::run },
    Subcommand { describe: operator::describe, run: operator::run },
    Subcommand { describe: rebuild::describe, run: rebuild::run },
    Subcommand { describe: write_ready_file::describe, run: write_ready_file::run },
];

/// Spawns no thread before the subcommand does: root can only be given up by a process that has one.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    match dispatch(&SUBCOMMANDS, &matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// The parser admits none but a name of the list.
fn dispatch(subcommands: &[Subcommand], matches: &ArgMatches) -> Result<(), StartError> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let called = subcommands.iter().find(|subcommand| (subcommand.describe)().get_name() == name);
    called.map_or(Ok(()), |subcommand| (subcommand.run)(given))
}

fn command() -> Command {
    Command::new("credledger")
        .about("A credential ledger: API keys and OAuth clients of many tenants, every action an immutable event")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SUBCOMMANDS.map(|subcommand| (subcommand.describe)()))
}

/// What of the configuration says where the ledger is: for commands on the machine.
const LEDGER_MEMBERS: [&str; 9] = [
    "config",
    "data-dir",
    "database-url",
    "database-admin-url",
    "database-ca-file",
    "allow-unsafe-database",
    "master-key-file",
    "postgres-bin-dir",
    "run-as",
];

fn ledger_config(given: &ArgMatches) -> Result<Config, StartError> {
    // What concerns the service alone is its own log's business.
    telemetry::init("error", LogFormat::Auto)?;
    Ok(Config::read(&given_flags(given))?)
}

fn config_flag(member: &Member) -> Arg {
    Arg::new(member.name).long(member.name).value_name(member.value).help(member.help).num_args(1)
}

/// A flag for each of these members of the configuration.
fn config_flags(names: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    MEMBERS.iter().filter(|member| names.contains(&member.name)).map(config_flag)
}

/// Those that the subcommand takes at all.
fn given_flags(given: &ArgMatches) -> Vec<(&'static str, String)> {
    let text = |member: &Member| given.try_get_one::<String>(member.name).ok()?.cloned();
    MEMBERS.iter().filter_map(|member| Some((member.name, text(member)?))).collect()
}

/// To whoever stands before the terminal. A stderr that is closed leaves nobody to tell.
fn complain(problem: &dyn fmt::Display) {
    let _ = writeln!(std::io::stderr(), "credledger: {problem}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_and_flag_is_well_formed() {
        command().debug_assert();
    }
}
