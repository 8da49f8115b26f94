//! `credledger trail`: a tenant's events, or the whole ledger's, told by a running service. What follows is the ledger's feed: the
//! service sends that as it comes; of one tenant's trail it has no such form.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use super::events::{self, Told};
use super::filters::{self, OF_TRAIL};
use super::history::pages;
use super::remote::{self, Feed, Remote, with};
use crate::ops::StartError;

pub const LEDGER: &str = "/api/admin/v1/ledger/events";

pub fn describe() -> Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("trail")
        .about("Tell what happened in a tenant, or in the whole ledger")
        .arg(remote::tenant_flag())
        .arg(
            switch("ledger", "every event of every tenant; for root and auditors of all")
                .conflicts_with("newest"),
        )
        .group(ArgGroup::new("whose").args(["tenant", "ledger"]).required(true))
        .args(filters::flags(OF_TRAIL).map(|flag| flag.conflicts_with("ledger")))
        .arg(position_flag().conflicts_with("tenant"))
        .arg(
            switch("follow", "with --ledger: go on with whatever comes, until it is stopped")
                .conflicts_with("tenant"),
        )
        .args(events::flags())
        .args(remote::flags("a file with the token of an operator who may read the trail"))
        .arg(remote::ca_flag())
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let remote = Remote::of(given)?;
    if !given.get_flag("ledger") {
        let trail = format!("{}/audit", remote::tenant_path(given));
        let mut path = filters::filtered(trail, OF_TRAIL, given)?;
        if given.get_flag("newest") {
            path = with(&path, "order", "desc");
        }
        return pages(&remote, path, given, true);
    }
    let from = position(given);
    match given.get_flag("follow") {
        true => follow(&remote, from, given),
        false => pages(&remote, with(LEDGER, "from", &from.to_string()), given, true),
    }
}

pub fn position_flag() -> Arg {
    Arg::new("position")
        .long("position")
        .value_name("N")
        .value_parser(value_parser!(u64))
        .help("of the ledger: from this position on; without: from the first event on")
}

pub fn position(given: &ArgMatches) -> u64 {
    given.get_one("position").copied().unwrap_or_default()
}

fn follow(remote: &Remote, from: u64, given: &ArgMatches) -> Result<(), StartError> {
    let most: u64 = given.get_one("limit").copied().unwrap_or(u64::MAX);
    let mut told = Told::of(given, true);
    for event in Feed::new(remote, from).take(usize::try_from(most).unwrap_or(usize::MAX)) {
        if told.some(std::iter::once(event?.as_str()))?.is_break() {
            break;
        }
    }
    Ok(())
}
