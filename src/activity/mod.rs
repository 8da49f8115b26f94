//! What credentials are used for. Nothing of it is what a verdict reads.

pub mod usage;
