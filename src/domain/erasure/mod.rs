//! What is personal, taken out of the ledger for good: one stream an erasure. Its event says what went and never the value;
//! every entry, hash and mac stays as it was.

pub mod erase;
pub mod held;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Unfoldable;
use super::event::{Actor, Event, Recorded, family};
use super::history::History;
use super::ids::{ErasureId, TenantId};
use crate::clock::Timestamp;

pub use erase::{Erase, Target};
pub use held::Held;

family! { ErasureEvent,
    SubjectErased = "ledger.subject_erased" v 1 personal [];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// what is personal in one event, or some of it
    Text,
    /// everything personal in a member's own stream
    Member,
    /// the same of an operator's
    Operator,
}

impl What {
    pub const ALL: [What; 3] = [What::Text, What::Member, What::Operator];

    pub fn word(self) -> &'static str {
        match self {
            What::Text => "text",
            What::Member => "member",
            What::Operator => "operator",
        }
    }
}

/// Why, in a word: a sentence might say again what is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Requested,
    Mistake,
    Retention,
    Other,
}

impl Reason {
    pub const ALL: [Reason; 4] = [Reason::Requested, Reason::Mistake, Reason::Retention, Reason::Other];

    pub fn word(self) -> &'static str {
        match self {
            Reason::Requested => "requested",
            Reason::Mistake => "mistake",
            Reason::Retention => "retention",
            Reason::Other => "other",
        }
    }
}

/// Whose stream it went from: what its events begin with, and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub kind: String,
    pub id: Uuid,
}

/// Values went, of these versions of the subject's stream, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectErased {
    pub what: What,
    pub subject: Subject,
    pub first_version: u32,
    pub last_version: u32,
    /// absent: all that was personal
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// of a text: where its event stands
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// how many there were
    pub values: u32,
    /// what the subject is called now was among them
    pub unnames: bool,
    pub reason: Reason,
}

impl SubjectErased {
    /// Whether a missing value is missing because of it.
    pub fn covers(&self, stream: Uuid, version: u32, member: &str) -> bool {
        self.subject.id == stream
            && (self.first_version..=self.last_version).contains(&version)
            && self.erases(member)
    }

    /// Whether such values are among what went.
    pub fn erases(&self, member: &str) -> bool {
        let members = self.members.as_ref();
        members.is_none_or(|members| members.iter().any(|named| named == member))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Erasure {
    pub id: ErasureId,
    pub tenant: Option<TenantId>,
    pub erased: SubjectErased,
    pub at: Timestamp,
    pub by: Actor,
    pub version: u64,
    pub history: History,
}

impl Recorded {
    /// What this event erases, if it erases.
    pub fn erased(&self) -> Option<&SubjectErased> {
        match &self.event {
            Event::Erasure(ErasureEvent::SubjectErased(erased)) => Some(erased),
            _ => None,
        }
    }
}

/// The fold of one more event.
pub fn fold(state: Option<Erasure>, event: ErasureEvent, recorded: &Recorded) -> Result<Erasure, Unfoldable> {
    let ErasureEvent::SubjectErased(erased) = event;
    if state.is_some() {
        return Err(Unfoldable { event: recorded.event.kind().name, why: "the erasure is there already" });
    }
    Ok(Erasure {
        id: ErasureId(recorded.stream.0),
        tenant: recorded.tenant,
        erased,
        at: recorded.at,
        by: recorded.actor,
        version: 1,
        history: History::begun_by(recorded),
    })
}
