//! `credledger key`: the master keys, and who still depends on an older one.

mod list;
mod rotate;

use std::io::Write;
use std::sync::Arc;

use clap::{ArgMatches, Command};

use super::Subcommand;
use crate::ops::StartError;
use crate::ops::house::House;
use crate::ops::old_peppers::{self, Holder};
use crate::vault::Vault;

const SUBCOMMANDS: [Subcommand; 2] = [
    Subcommand { describe: rotate::describe, run: rotate::run },
    Subcommand { describe: list::describe, run: list::run },
];

pub fn describe() -> Command {
    Command::new("key")
        .about("Look after the master key, which peppers, macs and seals derive from")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SUBCOMMANDS.map(|subcommand| (subcommand.describe)()))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    super::dispatch(&SUBCOMMANDS, given)
}

/// One line each, as they are found, and what to do about them.
async fn tell_old(house: &House, vault: &Arc<Vault>) -> Result<(), StartError> {
    let told = old_peppers::each(house, vault, |holder| say(&line(&holder))).await?;
    say(&match told {
        0 => "Every working secret is under the newest key.".to_owned(),
        told => format!(
            "Above: {told} with working secrets under an older key. They go on working. A credential's next secret, made by \
             rotating it, is under the newest key; so is an operator's next token."
        ),
    })
}

fn line(holder: &Holder) -> String {
    let Holder { kind, stream, tenant, name, secrets } = holder;
    let tenant = tenant.map_or_else(|| "-".to_owned(), |tenant| tenant.to_string());
    let name = name.as_deref().unwrap_or("(erased)");
    let secrets: Vec<String> =
        secrets.iter().map(|secret| format!("{} (key {})", secret.prefix, secret.key)).collect();
    format!("{kind}\t{stream}\t{tenant}\t{name}\t{}", secrets.join(", "))
}

fn say(line: &str) -> Result<(), StartError> {
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| StartError::new(format!("The list could not be written out: {error}.")))
}
