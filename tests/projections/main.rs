//! What is derived comes back from the events alone, byte for byte.

#[path = "../support/mod.rs"]
mod support;

mod rebuild;
