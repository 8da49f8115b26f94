//! `credledger key rotate`

use clap::{ArgMatches, Command};

use crate::cli::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::ops::rotate_key::{self, Rotated};
use crate::ops::{StartError, beside};

pub fn describe() -> Command {
    Command::new("rotate")
        .about("Add a new master key, while the service is stopped, and list whose secrets are under an older one")
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let config = ledger_config(given)?;
    beside::work_alone(&config, async |house| {
        let rotated = rotate_key::rotate(house, &config.master_key_file).await?;
        let Rotated { number, taken_up, resealed, signing_keys, unreadable, .. } = &rotated;
        let done = if *taken_up { "was added by a rotation that did not end, and now is" } else { "is" };
        super::say(&format!(
            "Key {number} {done} the newest in {}. Back that file up anew before you start the service.",
            config.master_key_file.display()
        ))?;
        super::say(&format!("Stored answers sealed anew: {resealed}."))?;
        super::say(&format!("Signing keys sealed anew: {}.", signing_keys.anew))?;
        if signing_keys.unreadable > 0 {
            super::say(&format!(
                "Signing keys that no key opens, left alone: {}. Put back the master key that they are under, or rotate the \
                 signing keys.",
                signing_keys.unreadable
            ))?;
        }
        if *unreadable > 0 {
            super::say(&format!("Stored answers that no key opens, left alone: {unreadable}."))?;
        }
        super::tell_old(house, &rotated.vault).await
    })
}
