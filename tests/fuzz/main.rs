//! Everything that reads what a stranger wrote, fed with mutated input. `cargo test --test fuzz` runs a short, repeatable
//! form; `CREDLEDGER_FUZZ_SECONDS=600 cargo test --test fuzz` runs each target that long, from another seed each time.
//! What a failure prints goes as a file into `regressions/<target>/`, where it is replayed first ever after.
//! A new reader gets a file in `targets/`.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod engine;
mod targets;
