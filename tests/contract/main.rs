//! What the repository promises about itself.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // a test's ids, settings and words are its own

#[path = "../support/mod.rs"]
mod support;

mod dependencies;
mod documents;
mod events;
mod openapi;
mod source;
mod sql;
mod system_reads;
mod tidy;
