//! What records hold of a secret.

use uuid::Uuid;

use super::super::answer::Prefix;
use super::ended::Dead;
use super::{instant_bits, instant_of, low};
use crate::clock::Timestamp;
use crate::domain::credential::SecretStatus;
use crate::projections::secrets::DigestHalf;

pub(super) const SECRET_WORDS: usize = 7;
const PUBLIC_MOST: usize = 12;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Up to 12 characters of base62, 6 bits each: 10 in one word with their number above, 2 more beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Public {
    pub(super) first: u64,
    pub(super) last: u16,
}

impl Public {
    /// `None` for what is longer, or of other characters.
    pub fn pack(text: &str) -> Option<Public> {
        if text.len() > PUBLIC_MOST {
            return None;
        }
        let mut bits = 0u128;
        for (place, byte) in text.bytes().enumerate() {
            let value = ALPHABET.iter().position(|&letter| letter == byte)?;
            bits |= (value as u128) << (6 * place);
        }
        let first = bits as u64 & ((1 << 60) - 1) | (text.len() as u64) << 60;
        Some(Public { first, last: (bits >> 60) as u16 })
    }

    /// How many there are.
    #[inline]
    pub fn chars(self) -> usize {
        (self.first >> 60) as usize
    }

    pub fn unpack(self, out: &mut Prefix) -> bool {
        let bits = u128::from(self.first & ((1 << 60) - 1)) | u128::from(self.last) << 60;
        let length = self.chars();
        let mut text = [0; 16];
        for (place, byte) in text.iter_mut().take(length).enumerate() {
            *byte = ALPHABET.get((bits >> (6 * place)) as usize & 63).copied().unwrap_or(b'?');
        }
        out.push(&text[..length])
    }
}

/// A secret that has not died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Living {
    pub digest: DigestHalf,
    pub id: Uuid,
    pub prefix: u32,
    pub public: Public,
    pub ends_at: Option<Timestamp>,
}

impl Living {
    pub fn words(&self) -> [u64; SECRET_WORDS] {
        let (first, second) = self.id.as_u64_pair();
        let (digest, rest) = digest_words(&self.digest);
        let ends = instant_bits(self.ends_at) | u64::from(self.public.last) << 48;
        [digest, rest, first, second, self.public.first, ends, u64::from(self.prefix)]
    }

    #[inline]
    pub fn of(words: &[u64; SECRET_WORDS]) -> Living {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&words[0].to_le_bytes());
        digest[8..].copy_from_slice(&words[1].to_le_bytes());
        Living {
            digest,
            id: Uuid::from_u64_pair(words[2], words[3]),
            prefix: low(words[6]),
            public: Public { first: words[4], last: (words[5] >> 48) as u16 },
            ends_at: instant_of(words[5]),
        }
    }
}

pub(super) fn digest_words(digest: &DigestHalf) -> (u64, u64) {
    let [first, second] = [0, 8].map(|from| std::array::from_fn(|place| digest[from + place]));
    (u64::from_le_bytes(first), u64::from_le_bytes(second))
}

/// Does a record that starts with these words hold this digest? Both words are looked at, whatever the first one says.
#[inline]
pub fn holds(words: &[u64], digest: &DigestHalf) -> bool {
    let (first, second) = digest_words(digest);
    matches!(words, [one, other, ..] if (one ^ first) | (other ^ second) == 0)
}

/// Is it the record of a living secret of this id?
pub fn is_of_id(words: &[u64], id: Uuid) -> bool {
    let (first, second) = id.as_u64_pair();
    matches!(words, [_, _, one, other, ..] if (*one, *other) == (first, second))
}

/// What a verdict and its answer need of a secret, in whichever record it stands.
#[derive(Clone, Copy, Debug)]
pub struct SecretView {
    pub id: Uuid,
    pub prefix: u32,
    pub public: Public,
    pub revoked: bool,
    pub ends_at: Option<Timestamp>,
    pub dead: bool,
}

impl From<Living> for SecretView {
    fn from(secret: Living) -> Self {
        let Living { id, prefix, public, ends_at, .. } = secret;
        SecretView { id, prefix, public, ends_at, revoked: false, dead: false }
    }
}

/// A window that is known to be over has its end before any instant that is asked about.
impl From<Dead> for SecretView {
    fn from(secret: Dead) -> Self {
        let Dead { id, prefix, public, by_hand, .. } = secret;
        let ends_at = (!by_hand).then_some(Timestamp::default());
        SecretView { id, prefix, public, ends_at, revoked: by_hand, dead: true }
    }
}

impl SecretView {
    pub fn status(&self, at: Timestamp) -> SecretStatus {
        match self.ends_at {
            _ if self.revoked => SecretStatus::Revoked,
            Some(end) if end <= at => SecretStatus::Expired,
            Some(_) => SecretStatus::Expiring,
            None => SecretStatus::Active,
        }
    }
}
