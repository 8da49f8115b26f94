//! `credledger key list`: reads, and changes nothing.

use clap::{ArgMatches, Command};

use crate::cli::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::ops::{StartError, beside};

pub fn describe() -> Command {
    Command::new("list")
        .about("List the master keys' numbers, and whose secrets are under an older one; while the service runs or not")
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let config = ledger_config(given)?;
    beside::work(&config, async |house| {
        let vault = &house.ledger.reader().vault;
        let numbers: Vec<String> = vault.numbers().map(|number| number.to_string()).collect();
        super::say(&format!("Keys, newest first: {}.", numbers.join(", ")))?;
        super::tell_old(house, vault).await
    })
}
