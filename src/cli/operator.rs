//! `credledger operator`: operators and their tokens, made on the machine. Whoever may do that is root here already.

mod create;
mod token;

use std::io::Write;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::Subcommand;
use crate::domain::ids::OperatorId;
use crate::domain::text::Name;
use crate::limits;
use crate::ops::StartError;
use crate::ops::first_operator::NewToken;

const SUBCOMMANDS: [Subcommand; 2] = [
    Subcommand { describe: create::describe, run: create::run },
    Subcommand { describe: token::describe, run: token::run },
];

pub fn describe() -> Command {
    Command::new("operator")
        .about("Make operators and tokens on this machine, while the service runs or not")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SUBCOMMANDS.map(|subcommand| (subcommand.describe)()))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    super::dispatch(&SUBCOMMANDS, given)
}

fn expires_in() -> Arg {
    Arg::new("expires-in-seconds")
        .long("expires-in-seconds")
        .value_name("SECONDS")
        .value_parser(value_parser!(u32).range(1..))
        .help("how long the token works [90 days]")
}

fn seconds(given: &ArgMatches) -> u32 {
    given.get_one("expires-in-seconds").copied().unwrap_or(limits::OPERATOR_TOKEN_SECONDS)
}

/// As the API takes names.
fn name(typed: &str) -> Result<String, StartError> {
    let name = Name::parse(typed).map_err(|error| StartError::new(format!("--name: {error}.")))?;
    Ok(name.as_str().to_owned())
}

/// The one time that the token is seen.
fn show(operator: OperatorId, token: &NewToken) -> Result<(), StartError> {
    let NewToken { text, expires_at } = token;
    writeln!(std::io::stdout(), "operator  {operator}\ntoken     {text}\nexpires   {expires_at}").map_err(
        |error| {
            StartError::new(format!(
                "The token was made, and could not be written out: {error}. Make another one."
            ))
        },
    )
}
