//! `credledger leak-rules`: how this ledger's secrets are written, as tools that search for leaks want it told.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};

use super::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::domain::client_format::ClientFormat;
use crate::domain::leak_rules::{LeakRules, Tail, What};
use crate::ops::{StartError, beside};
use crate::projections::active::NotAnswering;

pub fn describe() -> Command {
    Command::new("leak-rules")
        .about("Print rules by which gitleaks or TruffleHog finds the secrets of this ledger")
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("TOOL")
                .value_parser(["gitleaks", "trufflehog"])
                .default_value("gitleaks")
                .help("whose rules"),
        )
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let config = ledger_config(given)?;
    let mut rules = beside::work(&config, async |house| {
        house
            .view
            .leak_rules()
            .map_err(|NotAnswering| StartError::new("The ledger could not be read; see the log."))
    })?;
    add_defaults(&mut rules, &config.default_key_format);
    let text = match given.get_one::<String>("format").map(String::as_str) {
        Some("trufflehog") => rules.trufflehog(),
        _ => rules.gitleaks(),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| StartError::new(format!("The rules could not be written out: {error}.")))
}

/// What the next tenant starts with, whether there is one yet or not.
fn add_defaults(rules: &mut LeakRules, keys: &crate::domain::key_format::KeyFormat) {
    rules.add(What::Key, keys.prefix(), Tail::base62(keys.chars() - keys.prefix().len()));
    let form = ClientFormat::default().secret_form();
    rules.add(What::ClientSecret, form.prefix(), Tail::base62(form.chars().into()));
}
