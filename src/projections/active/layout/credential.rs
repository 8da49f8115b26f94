//! A credential's record.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::super::prefetch::prefetch;
use super::name::{NAME_WORDS, NameField};
use super::secret::{Living, SECRET_WORDS};
use super::{NO_INSTANT, high, instant_bits, instant_of, low, word};
use crate::clock::Timestamp;

pub const CREDENTIAL_WORDS: usize = STATE + 1 + NAME_WORDS;

/// Of the active secret: its end's place holds the credential's expiry.
const EXPIRY: usize = 5;
/// Of the active secret: the half that it leaves free holds the tenant.
const TENANT: usize = 6;
const ID: usize = SECRET_WORDS;
const LINKS: usize = ID + 2;
const STATE: usize = LINKS + 1;
const NAME: usize = STATE + 1;
const NAME_BYTES: u64 = 0x1ff;
const FLAGS: u32 = 9;
const OWNER: u32 = FLAGS + 4;
const VERSION: u32 = 40;

/// What fits between the flags and the version; one above the greatest ordinal but one.
pub const MOST_OWNER: u32 = (1 << (VERSION - OWNER)) - 1;
/// A history is full (`limits::STREAM_EVENTS`) long before; what may follow it is a few events for each secret.
pub const MOST_VERSION: u32 = (1 << (64 - VERSION)) - 1;
const _: () = assert!(crate::limits::STREAM_EVENTS < MOST_VERSION / 100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: Uuid,
    pub expires_at: Option<Timestamp>,
    pub name: NameField,
    pub suspended: bool,
    pub revoked: bool,
    pub has_active: bool,
    pub tenant: u32,
    pub policy: u32,
    /// one above the first expiring secret's ordinal; 0: none
    pub expiring: u32,
    /// one above the ordinal of the member that it belongs to, at most [`MOST_OWNER`]; 0: none
    pub owner: u32,
    /// at most [`MOST_VERSION`]
    pub version: u32,
    /// the active secret; meaningless without `has_active`
    pub secret: Living,
}

impl Credential {
    pub fn words(&self) -> [u64; CREDENTIAL_WORDS] {
        let mut words = [0; CREDENTIAL_WORDS];
        words[..SECRET_WORDS].copy_from_slice(&self.secret.words());
        words[EXPIRY] = words[EXPIRY] & !NO_INSTANT | instant_bits(self.expires_at);
        words[TENANT] |= word(self.tenant, 0);
        (words[ID], words[ID + 1]) = self.id.as_u64_pair();
        words[LINKS] = word(self.policy, self.expiring);
        let flags = [self.name.known, self.suspended, self.revoked, self.has_active];
        let flags = flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u64::from(flag));
        let version = u64::from(self.version) << VERSION;
        words[STATE] = version | u64::from(self.owner) << OWNER | flags << FLAGS | u64::from(self.name.bytes);
        words[NAME..].copy_from_slice(&self.name.words);
        words
    }

    #[inline]
    pub fn of(words: &[u64; CREDENTIAL_WORDS]) -> Credential {
        let state = words[STATE];
        let flag = |place: u32| state >> (FLAGS + place) & 1 == 1;
        let name = NameField {
            bytes: (state & NAME_BYTES) as u16,
            known: flag(0),
            words: std::array::from_fn(|place| words[NAME + place]),
        };
        let secret = Living::of(&std::array::from_fn(|place| words[place]));
        Credential {
            id: Uuid::from_u64_pair(words[ID], words[ID + 1]),
            expires_at: instant_of(words[EXPIRY]),
            name,
            suspended: flag(1),
            revoked: flag(2),
            has_active: flag(3),
            tenant: high(words[TENANT]),
            policy: high(words[LINKS]),
            expiring: low(words[LINKS]),
            owner: low(state >> OWNER) & MOST_OWNER,
            version: low(state >> VERSION),
            secret: Living { ends_at: None, ..secret },
        }
    }
}

/// Has the machine fetch every line of the record; it lies across two or three.
#[inline]
pub fn touch(record: &[AtomicU64; CREDENTIAL_WORDS]) {
    prefetch(&record[0]);
    prefetch(&record[CREDENTIAL_WORDS / 2]);
    prefetch(&record[CREDENTIAL_WORDS - 1]);
}

/// Where the tail of the credential's name stands, if it has one. Two words read apart: good for a prefetch alone.
#[inline]
pub fn tail_of_name(record: &[AtomicU64; CREDENTIAL_WORDS]) -> Option<u32> {
    let bytes = (record[STATE].load(Ordering::Relaxed) & NAME_BYTES) as u16;
    let words = [0, 0, record[CREDENTIAL_WORDS - 1].load(Ordering::Relaxed)];
    NameField { bytes, known: true, words }.elsewhere().map(|(place, _)| place)
}
