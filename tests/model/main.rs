//! The service against its model: what the pure domain says a history amounts to is what the real one answers, stores, and
//! judges by.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // a test's ids, settings and words are its own

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod doors;
mod histories;
mod lists;
mod log;
mod memory;
mod near_ends;
mod oracle;
mod pasts;
mod replays;
mod run;
mod step;
mod store;
mod told;
mod trails;
mod verdicts;
