//! The canonical bytes of a row: what a seal covers. Frozen from the first day.
//!
//! ```text
//! 1 format = 1        16 node          8 seq             16 id           ? completes      1 judged
//! 16 tenant           16 credential    ? secret          ‖ kind          ‖? outcome       ?2 status      ?4 latency_ms
//! then of operation, provider, model, error, client_ip and request_id each:    ?32 SHA-256(own salt ‖ text)
//! ```
//! Numbers are big-endian. `?` is one byte, 1 and the value or 0 and nothing; `‖` is two bytes of length, then the text. The six own
//! salts are the first 16 bytes of SHA-256(salt ‖ place), places from 0; a row holds `salt`. Once one of the six is erased the row
//! holds the own salts of the others in its place, and the hash of the erased one, which then says nothing of what it was.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::{Row, Told};
use crate::vault::sha256;

const FORMAT: u8 = 1;
const SALT: usize = 16;
/// What may be erased.
pub const ERASABLE: usize = 6;
/// Of one slot as it is stored: what it is, and a hash or a salt with zeros behind it.
const SLOT: usize = 33;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Salts {
    /// of a whole row
    One([u8; SALT]),
    /// of a row of which something was erased
    Apart([Slot; ERASABLE]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    Salt([u8; SALT]),
    /// what the text that was erased, together with its salt, came to
    Erased([u8; 32]),
}

impl Salts {
    fn slot(&self, place: u8) -> Slot {
        match self {
            Salts::Apart(slots) => slots[usize::from(place)],
            Salts::One(salt) => {
                let digest = sha256(&[salt, &[place]]);
                let mut own = [0; SALT];
                own.copy_from_slice(&digest[..SALT]);
                Slot::Salt(own)
            }
        }
    }

    /// As it stands in the database.
    pub fn stored(&self) -> Vec<u8> {
        match self {
            Salts::One(salt) => salt.to_vec(),
            Salts::Apart(slots) => slots.iter().flat_map(Slot::stored).collect(),
        }
    }

    pub fn read(stored: &[u8]) -> Option<Salts> {
        if let Ok(salt) = stored.try_into() {
            return Some(Salts::One(salt));
        }
        let slots: Option<Vec<Slot>> = stored.chunks(SLOT).map(Slot::read).collect();
        slots?.try_into().ok().map(Salts::Apart)
    }

    /// The same once these are erased.
    pub fn without(&self, told: &Told, erased: [bool; ERASABLE]) -> Salts {
        let texts = texts(told);
        Salts::Apart(std::array::from_fn(|place| {
            let slot = self.slot(place as u8);
            match (slot, &texts[place]) {
                (Slot::Salt(salt), Some(text)) if erased[place] => {
                    Slot::Erased(sha256(&[&salt, text.as_bytes()]))
                }
                (slot, _) => slot,
            }
        }))
    }
}

impl Slot {
    fn stored(&self) -> [u8; SLOT] {
        let mut stored = [0; SLOT];
        match self {
            Slot::Salt(salt) => stored[1..=SALT].copy_from_slice(salt),
            Slot::Erased(hash) => {
                stored[0] = 1;
                stored[1..].copy_from_slice(hash);
            }
        }
        stored
    }

    fn read(stored: &[u8]) -> Option<Slot> {
        let (kind, rest) = stored.split_first()?;
        match kind {
            0 => Some(Slot::Salt(rest.get(..SALT)?.try_into().ok()?)),
            1 => Some(Slot::Erased(rest.try_into().ok()?)),
            _ => None,
        }
    }
}

fn texts(told: &Told) -> [Option<Cow<'_, str>>; ERASABLE] {
    let Told { operation, provider, model, error, client_ip, request_id } = told;
    let client_ip = client_ip.map(|address| address.to_string().into());
    let [operation, provider, model, error, request_id] =
        [operation, provider, model, error, request_id].map(|text| text.as_deref().map(Cow::Borrowed));
    [operation, provider, model, error, client_ip, request_id]
}

/// The leaf's hash (RFC 6962, 2.1).
pub fn hash(row: &Row, node: Uuid, seq: u64) -> [u8; 32] {
    sha256(&[&[0], &bytes(row, node, seq)])
}

pub fn bytes(row: &Row, node: Uuid, seq: u64) -> Vec<u8> {
    let mut leaf = Vec::with_capacity(384);
    leaf.push(FORMAT);
    leaf.extend(node.as_bytes());
    leaf.extend(seq.to_be_bytes());
    leaf.extend(row.id.as_bytes());
    optional(&mut leaf, row.completes.as_ref().map(|id| id.as_bytes().as_slice()));
    leaf.push(row.judged.into());
    leaf.extend(row.tenant.0.as_bytes());
    leaf.extend(row.credential.0.as_bytes());
    optional(&mut leaf, row.secret.as_ref().map(|id| id.0.as_bytes().as_slice()));
    word(&mut leaf, row.kind.word());
    leaf.push(row.outcome.is_some().into());
    row.outcome.into_iter().for_each(|outcome| word(&mut leaf, outcome.word()));
    optional(&mut leaf, row.status.map(i16::to_be_bytes).as_ref().map(<[u8; 2]>::as_slice));
    optional(&mut leaf, row.latency_ms.map(i32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
    for (place, text) in (0u8..).zip(texts(&row.told)) {
        let hash = match (row.salts.slot(place), text) {
            (Slot::Erased(hash), _) => Some(hash),
            (Slot::Salt(salt), Some(text)) => Some(sha256(&[&salt, text.as_bytes()])),
            (Slot::Salt(_), None) => None,
        };
        optional(&mut leaf, hash.as_ref().map(<[u8; 32]>::as_slice));
    }
    leaf
}

fn optional(leaf: &mut Vec<u8>, value: Option<&[u8]>) {
    leaf.push(value.is_some().into());
    leaf.extend(value.unwrap_or_default());
}

/// Of ours, and short.
fn word(leaf: &mut Vec<u8>, word: &str) {
    leaf.extend((word.len() as u16).to_be_bytes());
    leaf.extend(word.as_bytes());
}
