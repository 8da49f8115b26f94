//! The real binary, started and ended in every way that an operator or an accident can.
// The bans are the service's: its tests have a clock, ids and an environment of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod dying;
mod house;
mod starting;
mod tls;
