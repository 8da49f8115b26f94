//! The command line, as people on the machine use it; and the README, which says how.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

mod asking;
mod audit_page;
mod backup;
mod decide;
mod export;
mod history;
mod https;
mod import;
mod key;
mod leak_rules;
mod oauth_page;
mod operator;
mod readme;
mod rebuild;
mod scripts;
mod tour;
mod trail;
