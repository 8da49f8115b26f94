//! What it takes to run the service.

pub mod migrate;
