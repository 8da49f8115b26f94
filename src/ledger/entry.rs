//! The canonical bytes of an event: what is stored is what is hashed and macked, frozen from the first day.
//!
//! ```text
//! format u8 = 1 · ledger u32 · stream 16 · version u32 · tenant 16 (zeros: none) · time i64 ms
//! actor kind u8 (0 system, 1 operator, 3 holder) · actor id 16 (zeros: system) · schema u16
//! type: u8 length, bytes · request id: u8 length, bytes · body: the rest, RFC 8785 JSON
//! ```
//! Numbers are big-endian. In the body, each personal member (and `client_ip`) is the base64url of
//! SHA-256(salt ‖ canonical text of the value); salt and value stand in the personal row, and may be erased there.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::members::{Beside, Members};
pub(super) use super::slots::SALT_BYTES;
pub use super::slots::{Slots, StoredSlots};
use crate::clock::Timestamp;
use crate::domain::canonical;
use crate::domain::event::{Actor, CLIENT_IP, Event, Recorded, Unreadable, kinds};
use crate::domain::ids::{OperatorId, StreamId, TenantId};
use crate::domain::personal::Personal;
use crate::limits;
use crate::vault::sha256;

const FORMAT: u8 = 1;
/// Where the time stands: after format, ledger, stream, version and tenant.
const TIME: std::ops::Range<usize> = 41..49;
const FIXED_BYTES: usize = 1 + 4 + 16 + 4 + 16 + 8 + 1 + 16 + 2;

#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    pub entry: Vec<u8>,
    pub slots: Slots,
}

/// The entry would be over its limit; most of it is this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    pub member: String,
}

/// Why stored bytes can't be what this service wrote, or what this version reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadEntry {
    Format,
    Unreadable(Unreadable),
    /// a personal value that is not the one the entry commits to
    PersonalChanged(String),
}

impl std::fmt::Display for BadEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadEntry::Format => f.write_str("the bytes are no entry of format 1"),
            BadEntry::Unreadable(cause) => cause.fmt(f),
            BadEntry::PersonalChanged(member) => {
                write!(f, "the personal value of {member:?} is not the one that the entry commits to")
            }
        }
    }
}

impl std::error::Error for BadEntry {}

/// The RFC 6962 hash of the entry as a leaf of the log.
pub fn leaf_hash(entry: &[u8]) -> [u8; 32] {
    sha256(&[&[0], entry])
}

pub fn encode(
    ledger: i32,
    recorded: &Recorded,
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<Encoded, TooLarge> {
    let kind = recorded.event.kind();
    let mut slots = Slots::default();
    let mut members = recorded.event.members();
    for member in kind.personal {
        if let Some(value) = members.get_mut(*member).filter(|value| !value.is_null()) {
            *value = slots.commit(member, value.take(), salt());
        }
    }
    if let Some(Personal::Known(ip)) = recorded.client_ip {
        members.insert(CLIENT_IP.to_owned(), slots.commit(CLIENT_IP, ip.to_string().into(), salt()));
    }
    let mut entry = Vec::with_capacity(FIXED_BYTES + 512);
    write_header(ledger, recorded, kind.name, kind.schema, &mut entry);
    canonical::write_object(members.iter(), &mut entry);
    if entry.len() > limits::ENTRY_BYTES {
        return Err(TooLarge { member: largest_member(&members) });
    }
    Ok(Encoded { entry, slots })
}

/// Writes the time anew. It is the one part of an entry that is known only once its batch is.
pub fn stamp(entry: &mut [u8], at: Timestamp) {
    entry[TIME].copy_from_slice(&at.millis().to_be_bytes());
}

fn write_header(ledger: i32, recorded: &Recorded, name: &str, schema: u16, entry: &mut Vec<u8>) {
    let (actor_kind, actor_id) = match recorded.actor {
        Actor::System => (0, Uuid::nil()),
        Actor::Operator(id) => (1, id.0),
        Actor::Holder(id) => (3, id),
    };
    entry.push(FORMAT);
    entry.extend_from_slice(&ledger.to_be_bytes());
    entry.extend_from_slice(recorded.stream.0.as_bytes());
    entry.extend_from_slice(&recorded.version.to_be_bytes());
    entry.extend_from_slice(recorded.tenant.map_or(Uuid::nil(), |tenant| tenant.0).as_bytes());
    entry.extend_from_slice(&recorded.at.millis().to_be_bytes());
    entry.push(actor_kind);
    entry.extend_from_slice(actor_id.as_bytes());
    entry.extend_from_slice(&schema.to_be_bytes());
    write_short(name, entry);
    write_short(&recorded.request_id, entry);
}

/// Type names are ours and request ids are bounded at the door: both are under 256 bytes.
fn write_short(text: &str, entry: &mut Vec<u8>) {
    let length = u8::try_from(text.len()).unwrap_or_else(|_| panic!("{text:?} is longer than 255 bytes"));
    entry.push(length);
    entry.extend_from_slice(text.as_bytes());
}

fn largest_member(members: &Map<String, Value>) -> String {
    let largest = members.iter().max_by_key(|(_, value)| canonical::text(value).len());
    largest.map_or_else(String::new, |(name, _)| name.clone())
}

/// Reads stored bytes back, with the personal values that are still there.
pub fn decode(ledger: i32, entry: &[u8], slots: &StoredSlots<'_>) -> Result<Recorded, BadEntry> {
    let mut bytes = Bytes(entry);
    let header = bytes.header(ledger).ok_or(BadEntry::Format)?;
    // A reader of JSON lets blanks stand around an object; an entry ends with its last byte.
    if !(bytes.0.starts_with(b"{") && bytes.0.ends_with(b"}")) {
        return Err(BadEntry::Format);
    }
    let text = std::str::from_utf8(bytes.0).map_err(|_| BadEntry::Format)?;
    let kind = kinds().find(|kind| kind.name == header.name);
    let personal = kind.map_or(&[][..], |kind| kind.personal);
    let mut beside = Beside::default();
    let members = Members { text, personal, slots, beside: &mut beside };
    let read = Event::read(header.name, header.schema, members);
    let Beside { client_ip, bad } = beside;
    let event = read.map_err(|cause| match bad {
        Some(bad) => bad,
        None if serde_json::from_str::<Value>(text).is_err() => BadEntry::Format,
        None => BadEntry::Unreadable(cause),
    })?;
    Ok(Recorded {
        stream: header.stream,
        version: header.version,
        tenant: header.tenant,
        at: header.at,
        actor: header.actor,
        client_ip,
        request_id: header.request_id.to_owned(),
        event,
    })
}

struct Header<'a> {
    stream: StreamId,
    version: u32,
    tenant: Option<TenantId>,
    at: Timestamp,
    actor: Actor,
    schema: u16,
    name: &'a str,
    request_id: &'a str,
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn header(&mut self, ledger: i32) -> Option<Header<'a>> {
        if self.take::<1>()? != [FORMAT] || i32::from_be_bytes(self.take()?) != ledger {
            return None;
        }
        let stream = StreamId(Uuid::from_bytes(self.take()?));
        let version = u32::from_be_bytes(self.take()?);
        let tenant = Uuid::from_bytes(self.take()?);
        let at = Timestamp::from_millis(i64::from_be_bytes(self.take()?))?;
        let (actor_kind, actor_id) = (self.take::<1>()?, Uuid::from_bytes(self.take()?));
        let actor = match actor_kind {
            [0] if actor_id.is_nil() => Actor::System,
            [1] => Actor::Operator(OperatorId(actor_id)),
            [3] => Actor::Holder(actor_id),
            _ => return None,
        };
        Some(Header {
            stream,
            version,
            tenant: (!tenant.is_nil()).then_some(TenantId(tenant)),
            at,
            actor,
            schema: u16::from_be_bytes(self.take()?),
            name: self.short()?,
            request_id: self.short()?,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn short(&mut self) -> Option<&'a str> {
        let [length] = self.take()?;
        let (taken, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        std::str::from_utf8(taken).ok()
    }
}

#[cfg(test)]
#[path = "entry_test.rs"]
mod tests;
