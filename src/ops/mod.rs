//! What surrounds the service: its configuration, its telemetry, the process it is, the private PostgreSQL it runs.

pub mod beside;
pub mod bind;
pub mod config;
pub mod data_dir;
pub mod first_operator;
pub mod house;
pub mod housekeeping;
pub mod migrate;
pub mod old_peppers;
pub mod prepare;
pub mod private_postgres;
pub mod process;
pub mod ready_file;
pub mod rotate_key;
pub mod start;
pub mod telemetry;

use std::fmt;

pub use prepare::{Prepared, prepare};

/// Why the service does not start: sentences that say what is wrong and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct StartError(String);

impl StartError {
    pub fn new(sentences: impl Into<String>) -> Self {
        Self(sentences.into())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl From<config::ConfigError> for StartError {
    fn from(error: config::ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<private_postgres::PostgresError> for StartError {
    fn from(error: private_postgres::PostgresError) -> Self {
        Self(error.to_string())
    }
}
