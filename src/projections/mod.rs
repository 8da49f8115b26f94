//! What is derived from the events, and may be dropped any day.
//!
//! Inline rows are written in the append's own transaction, each a function of its own stream alone; `active` is the view
//! that auth checks read, in memory, built from those rows at the start and from events afterwards.

pub mod active;
pub mod behind;
pub mod bytes;
pub mod credentials;
pub mod erasures;
pub mod find;
pub mod imports;
pub mod list;
pub mod load;
pub mod members;
pub mod operator_tokens;
pub mod operators;
pub mod plans;
pub mod policy;
pub mod rebuild;
pub mod secrets;
pub mod signing_keys;
pub mod tenants;
pub mod trail;
pub mod validity;
pub mod warnings;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::domain::stream::StreamState;
use crate::ledger::{Inline, InlineRow};

pub use bytes::BadRecord;

/// The rows that the append writes beside the events.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineProjections;

impl Inline for InlineProjections {
    fn rows(&self, after: &StreamState, since: u32) -> Vec<InlineRow> {
        if after.version() <= since {
            return Vec::new();
        }
        match after {
            // Whatever of a token anybody asks about stands in its event, which no row could say more surely.
            StreamState::Empty | StreamState::AccessToken(_) | StreamState::ActivityLog(_) => Vec::new(),
            StreamState::Tenant(tenant) => vec![tenants::row(tenant)],
            StreamState::Member(member) => vec![members::row(member)],
            StreamState::Plan(plan) => vec![plans::row(plan)],
            StreamState::Imports(declared) => vec![imports::row(declared)],
            StreamState::SigningKeys(keys) => vec![signing_keys::row(keys)],
            StreamState::Erasure(erasure) => vec![erasures::row(erasure)],
            StreamState::Credential(credential) => {
                let mut rows = vec![credentials::row(credential)];
                rows.extend(secrets::rows(credential, since));
                rows
            }
            StreamState::Operator(operator) => {
                let mut rows = vec![operators::row(operator)];
                rows.extend(operator_tokens::rows(operator, since));
                rows
            }
        }
    }
}

fn millis(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::from(at.millis()))
}
