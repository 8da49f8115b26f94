//! `credledger operator token`: the way back in for whoever has lost the last one.

use clap::{Arg, ArgMatches, Command};

use crate::cli::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::domain::ids::OperatorId;
use crate::ops::{StartError, beside, first_operator};

pub fn describe() -> Command {
    Command::new("token")
        .about("Make another token for an operator, and show it once")
        .arg(
            Arg::new("operator")
                .long("operator")
                .value_name("ID")
                .value_parser(|text: &str| text.parse::<OperatorId>().map_err(|_| "this is no operator's id"))
                .help("whose token [the oldest operator who is root and enabled]"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .default_value("made on the machine")
                .hide_default_value(true)
                .help("what the token is for"),
        )
        .arg(super::expires_in())
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let name = super::name(given.get_one::<String>("name").map(String::as_str).unwrap_or_default())?;
    let asked = given.get_one::<OperatorId>("operator").copied();
    let seconds = super::seconds(given);
    let (id, token) = beside::work(&ledger_config(given)?, async |house| {
        let id = asked.or_else(|| house.view.first_root()).ok_or_else(|| {
            StartError::new(
                "No operator is root and enabled. Make one: credledger operator create --name NAME --role root.",
            )
        })?;
        Ok((id, first_operator::mint_token(house, id, &name, seconds).await?))
    })?;
    super::show(id, &token)
}
