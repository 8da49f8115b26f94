//! `credledger serve`: everything that may need root, then the service.

use clap::{ArgMatches, Command};

use super::{config_flag, given_flags};
use crate::ops::config::{Config, MEMBERS};
use crate::ops::{StartError, prepare, start, telemetry};

pub fn describe() -> Command {
    Command::new("serve")
        .about("Run the service")
        .after_help(
            "Each setting can also stand in the environment (--foo-bar as CREDLEDGER_FOO_BAR) or in the file given by \
             --config (as foo_bar). A flag wins over the environment, and that over the file.",
        )
        .args(MEMBERS.iter().map(config_flag))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let config = Config::read(&given_flags(given))?;
    telemetry::init(&config.log, config.log_format)?;
    start::serve(prepare(config)?)
}
