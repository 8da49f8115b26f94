//! The real binary, started and ended in every way that an operator or an accident can.

mod dying;
mod house;
mod starting;
