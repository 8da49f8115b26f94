//! `credledger history`: a key's or a client's whole life, told by a running service.

use clap::{ArgMatches, Command};

use super::events::{self, Told};
use super::find;
use super::remote::{self, Pages, Remote, with};
use crate::ops::StartError;

pub fn describe() -> Command {
    Command::new("history")
        .about("Tell what happened to a key or client: what, when, by whom, from where")
        .arg(find::argument())
        .arg(remote::tenant_flag().required(true))
        .args(events::flags())
        .args(remote::flags("a file with the token of an operator who may read the tenant's credentials"))
        .arg(remote::ca_flag())
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let remote = Remote::of(given)?;
    let mut path = format!("{}/history", find::credential(&remote, given)?);
    if given.get_flag("newest") {
        path = with(&path, "order", "desc");
    }
    pages(&remote, path, given, false)
}

/// Events, page after page, until there are no more, or nobody reads on.
pub fn pages(remote: &Remote, path: String, given: &ArgMatches, many: bool) -> Result<(), StartError> {
    let mut told = Told::of(given, many);
    for page in Pages::new(remote, path, given.get_one("limit").copied()) {
        if told.some(page?.iter().map(|event| event.get()))?.is_break() {
            return Ok(());
        }
    }
    told.finish()
}
