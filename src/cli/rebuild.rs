//! `credledger rebuild`: what is derived, made anew from the events. For rows that were changed by hand: a start refuses them.

use std::io::Write;

use clap::{ArgMatches, Command};

use super::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::ops::{StartError, beside};
use crate::projections::rebuild::Rebuilt;

pub fn describe() -> Command {
    Command::new("rebuild")
        .about("Make every derived row anew from the events, while the service is stopped")
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let Rebuilt { events, rows } = beside::rebuild(&ledger_config(given)?)?;
    writeln!(std::io::stdout(), "Made {rows} rows anew from {events} events. Start the service.").map_err(
        |error| StartError::new(format!("The rows were made anew; that could not be written out: {error}.")),
    )
}
