//! The command line, as people on the machine use it; and the README, which says how.

#[path = "../support/mod.rs"]
mod support;

mod operator;
mod readme;
