//! Calls that were served or refused, one row each: as the API layer reports them, or as a verdict that was asked to leaves them.
//!
//! A row is never changed. Its place among all is its id, a UUIDv7 of the call's time; a report that completes a verdict has the
//! verdict's place, so that the two stand side by side and are shown as one (`read.rs`). One task writes the rows of a node
//! (`writer.rs`), numbered densely; docs/ACTIVITY.md says what else is made of that.

mod batch;
pub mod check;
mod columns;
mod leaf;
mod locate;
mod merkle;
pub mod read;
mod row;
pub mod seal;
mod spool;
mod writer;

pub use batch::Kept;
pub use columns::Columns;
pub use leaf::Salts;
pub use locate::{Located, Locator, Named};
pub use row::{Caller, Outcome, PLATFORM, Row, Told, instant_of};
pub use spool::Spool;
pub use writer::{Calls, NotTaken, Writer, make_days};
