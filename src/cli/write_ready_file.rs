//! `credledger write-ready-file`, hidden: the helper of [`crate::ops::ready_file`].

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::ops::{StartError, ready_file};

pub fn describe() -> Command {
    let file = Arg::new("file").required(true).value_parser(value_parser!(PathBuf));
    Command::new(ready_file::HELPER).hide(true).arg(file)
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let Some(path) = given.get_one::<PathBuf>("file") else { return Ok(()) };
    ready_file::help(path, std::io::stdin())
        .map_err(|error| StartError::new(format!("{} cannot be written: {error}.", path.display())))
}
