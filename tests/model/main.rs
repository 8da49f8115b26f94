//! The service against its model: what the pure domain says a history amounts to is what the real one answers, stores, and
//! judges by.

#[path = "../support/mod.rs"]
mod support;

mod histories;
mod log;
mod memory;
mod oracle;
mod step;
mod store;
mod verdicts;
