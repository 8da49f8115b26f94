//! The rows of the mission, each a black-box test named after its row: HTTP to the real binary, and nothing else.

#[path = "../support/mod.rs"]
mod support;

mod own;
mod velgent;
mod vergeos;
mod vilvik;
