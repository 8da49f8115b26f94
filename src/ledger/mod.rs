//! THE ONLY WRITER OF TRUTH.
//!
//! Its contract: positions run 0, 1, 2 … without a gap, in commit order, and are visible strictly in that order. What was
//! acknowledged is durable. One batch of commands at a time is appended, by one server-side function, under the head's
//! lock; whoever reads, reads `last + 1` or stops.

mod append;
pub mod canonical;
pub mod entry;
pub mod execute;
pub mod follow;
mod fresh;
pub mod proposal;
pub mod read;
pub mod sequencer;
pub mod store;
pub mod streams;

pub use append::Press;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::event::Recorded;
use crate::domain::ids::TenantId;
use crate::domain::stream::StreamState;
use crate::vault::{Purpose, Vault};

/// A row of an inline projection: written in the append's own transaction, a function of its own stream alone.
#[derive(Clone, Debug, PartialEq)]
pub struct InlineRow {
    pub projection: &'static str,
    pub id: Uuid,
    pub tenant: Option<TenantId>,
    /// the stream's version that it was folded at
    pub version: u32,
    /// what the row says, in canonical bytes; macked together with the members above
    pub record: Vec<u8>,
    /// The personal name that the record points to. It is no part of the row, so that it can be erased; a mac binds it.
    pub name: Option<String>,
    /// the columns that queries need
    pub facts: Value,
}

impl InlineRow {
    /// As it is stored: the row's mac, and behind it the name's, if there is one.
    pub fn mac(&self, vault: &Vault) -> Vec<u8> {
        let (tenant, version) =
            (self.tenant.map_or(Uuid::nil(), |tenant| tenant.0), self.version.to_be_bytes());
        let parts = Self::mac_parts(self.projection, &self.id, &tenant, &version, &self.record);
        let mut mac = vault.mac(Purpose::Row, &parts).to_vec();
        if let Some(name) = &self.name {
            let of_name = vault.mac(Purpose::Name, &[&mac, name.as_bytes()]);
            mac.extend_from_slice(&of_name);
        }
        mac
    }

    /// What the row's mac is over.
    pub fn mac_parts<'a>(
        projection: &'a str,
        id: &'a Uuid,
        tenant: &'a Uuid,
        version: &'a [u8; 4],
        record: &'a [u8],
    ) -> [&'a [u8]; 5] {
        [projection.as_bytes(), id.as_bytes(), tenant.as_bytes(), version, record]
    }
}

/// What the ledger knows of the projections that are written with the append.
pub trait Inline: Send + Sync {
    /// The rows that changed since `version` of the stream, given its state now.
    fn rows(&self, after: &StreamState, since: u32) -> Vec<InlineRow>;
}

/// What the ledger knows of the view that auth checks read: it is handed every event, strictly in order.
pub trait Applier: Send + Sync {
    /// An error stops the following, and with it every verdict of this node.
    fn apply(&self, position: u64, recorded: &Recorded) -> Result<(), String>;
}
