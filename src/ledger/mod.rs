//! THE ONLY WRITER OF TRUTH.
//!
//! Its contract: positions run 0, 1, 2 … without a gap, in commit order, and are visible strictly in that order. What was
//! acknowledged is durable. One batch of commands at a time is appended, by one server-side function, under the head's
//! lock; whoever reads, reads `last + 1` or stops.

mod append;
mod closer;
pub mod doorbell;
pub mod entry;
pub mod execute;
pub mod follow;
mod fresh;
mod held;
pub mod imports;
mod inline;
mod lanes;
mod load;
mod members;
pub mod once;
mod order;
pub mod past;
pub mod proposal;
mod quotas;
pub mod read;
pub mod sequencer;
mod slots;
pub mod store;
pub mod stored_answer;
pub mod streams;
pub mod tally;
pub mod together;
mod within_plan;
mod writer;

pub use append::Press;
pub use inline::{Inline, InlineRow, row_text};
pub use within_plan::Ended;

use crate::domain::event::Recorded;

/// What the ledger knows of the view that auth checks read: it is handed every event, strictly in order.
pub trait Applier: Send + Sync {
    /// An error stops the following, and with it every verdict of this node.
    fn apply(&self, position: u64, recorded: &Recorded) -> Result<(), String>;
}
