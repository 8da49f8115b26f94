//! How records are packed into words.
//!
//! ```text
//! a credential with its active secret, 12 words      an expiring secret, 8 words    a dead secret, 6 words
//!  0  first half of the digest (2 words)              0 to 6 as left                 0  digest 8..16
//!  2  secret id (2 words)                             7  credential · next           1  secret id (2 words)
//!  4  public characters 0..10 · their number                                         3  public characters
//!  5  end 48 · public characters 10..12                                              4  credential · prefix
//!  6  prefix · where the name stands                                                 5  public 10..12 · by hand
//!  7  credential id (2 words)
//!  9  expiry 48 · name's length 9 · named · suspended · revoked · has an active secret
//! 10  tenant · policy
//! 11  first expiring secret · stream version
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::answer::Prefix;
use super::prefetch::prefetch;
use crate::clock::Timestamp;
use crate::domain::credential::SecretStatus;
use crate::limits;
use crate::projections::secrets::DigestHalf;

pub const CREDENTIAL_WORDS: usize = 12;
pub const EXPIRING_WORDS: usize = 8;
pub const DEAD_WORDS: usize = 6;
const SECRET_WORDS: usize = 7;
/// The prefix's own half is the secret's, the other one the credential's.
const NAME_WORD: usize = 6;

/// The kinds of an index entry.
pub const ACTIVE: u8 = 1;
pub const EXPIRING: u8 = 2;
pub const DEAD: u8 = 3;

pub const PUBLIC_MOST: usize = 12;

const NO_INSTANT: u64 = (1 << 48) - 1;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Of an operator token, which is found by its digest.
pub fn tag_of(digest: &DigestHalf) -> u32 {
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// A key is found by its public part, so that its records are on their way from memory while the key is being hashed; what
/// is found is compared by digest. Taken are the prefix and as many characters as every format has public ones: that much
/// can be told from the text alone. `None` for a text that no format fits.
#[inline]
pub fn tag_of_public(seed: u64, text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    let reach = bytes.len().min(*limits::KEY_PREFIX_CHARS.end());
    let shared = bytes.get(..reach)?.iter().rposition(|&byte| byte == b'_')? + 1;
    let public = bytes.get(..shared + usize::from(*limits::KEY_PUBLIC_CHARS.start()))?;
    let mut mixed = seed;
    for part in public.rchunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        let product = u128::from(mixed ^ u64::from_le_bytes(word)) * 0x9e37_79b9_7f4a_7c15;
        mixed = (product >> 64) as u64 ^ product as u64;
    }
    Some((mixed >> 32) as u32)
}

/// Ids are made by the service and partly random: spreading their bits is enough.
pub fn tag_of_id(id: Uuid) -> u32 {
    let (high, low) = id.as_u64_pair();
    let mixed = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

fn word(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

fn low(word: u64) -> u32 {
    word as u32
}

fn instant_bits(at: Option<Timestamp>) -> u64 {
    at.map_or(NO_INSTANT, |at| at.millis().unsigned_abs() & NO_INSTANT)
}

fn instant_of(bits: u64) -> Option<Timestamp> {
    let bits = bits & NO_INSTANT;
    if bits == NO_INSTANT { None } else { i64::try_from(bits).ok().and_then(Timestamp::from_millis) }
}

/// Up to 12 characters of base62, 6 bits each: 10 in one word with their number above, 2 more beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Public {
    first: u64,
    last: u16,
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

    pub fn unpack(self, out: &mut Prefix) -> bool {
        let bits = u128::from(self.first & ((1 << 60) - 1)) | u128::from(self.last) << 60;
        let length = (self.first >> 60) as usize;
        let mut text = [0; 16];
        for (place, byte) in text.iter_mut().take(length).enumerate() {
            *byte = ALPHABET.get((bits >> (6 * place)) as usize & 63).copied().unwrap_or(b'?');
        }
        out.push(&text[..length])
    }
}

/// A secret that has not died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Living {
    pub digest: DigestHalf,
    pub id: Uuid,
    pub prefix: u32,
    pub public: Public,
    pub ends_at: Option<Timestamp>,
}

impl Living {
    fn words(&self) -> [u64; SECRET_WORDS] {
        let (first, second) = self.id.as_u64_pair();
        let (digest, rest) = digest_words(&self.digest);
        let ends = instant_bits(self.ends_at) | u64::from(self.public.last) << 48;
        [digest, rest, first, second, self.public.first, ends, u64::from(self.prefix)]
    }

    fn of(words: [u64; SECRET_WORDS]) -> Living {
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

fn digest_words(digest: &DigestHalf) -> (u64, u64) {
    let [first, second] = [0, 8].map(|from| std::array::from_fn(|place| digest[from + place]));
    (u64::from_le_bytes(first), u64::from_le_bytes(second))
}

/// Does a record that starts with these words hold this digest? The time this takes tells nothing: whoever asks can't
/// choose the bits of an HMAC under a pepper that is unknown to them.
pub fn holds(words: &[u64], digest: &DigestHalf) -> bool {
    words.starts_with(&<[u64; 2]>::from(digest_words(digest)))
}

/// For a dead secret 64 bits of the digest have to do, beside its public part: a mistaken one would still be refused, for
/// another reason. The public part is no secret, so the digest alone keeps a guess from learning what became of a key.
pub fn holds_dead(words: &[u64; DEAD_WORDS], digest: &DigestHalf) -> bool {
    words[0] == digest_words(digest).1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: Uuid,
    pub expires_at: Option<Timestamp>,
    pub name_bytes: u16,
    pub named: bool,
    pub suspended: bool,
    pub revoked: bool,
    pub has_active: bool,
    pub tenant: u32,
    pub policy: u32,
    /// one above the first expiring secret's ordinal; 0: none
    pub expiring: u32,
    pub version: u32,
    /// where it stands
    pub name: u32,
    /// the active secret; meaningless without `has_active`
    pub secret: [u64; SECRET_WORDS],
}

impl Credential {
    pub fn words(&self) -> [u64; CREDENTIAL_WORDS] {
        let (first, second) = self.id.as_u64_pair();
        let flags = [self.named, self.suspended, self.revoked, self.has_active];
        let flags = flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u64::from(flag));
        let state = instant_bits(self.expires_at) | u64::from(self.name_bytes & 0x1ff) << 48 | flags << 57;
        let mut words = [0; CREDENTIAL_WORDS];
        words[..SECRET_WORDS].copy_from_slice(&self.secret);
        let owner = word(self.tenant, self.policy);
        let stream = word(self.expiring, self.version);
        words[NAME_WORD] |= word(self.name, 0);
        words[SECRET_WORDS..].copy_from_slice(&[first, second, state, owner, stream]);
        words
    }

    pub fn of(words: &[u64; CREDENTIAL_WORDS]) -> Credential {
        let (secret, rest) = words.split_at(SECRET_WORDS);
        let state = rest[2];
        let flag = |place: u32| state >> (57 + place) & 1 == 1;
        Credential {
            id: Uuid::from_u64_pair(rest[0], rest[1]),
            expires_at: instant_of(state),
            name_bytes: (state >> 48) as u16 & 0x1ff,
            named: flag(0),
            suspended: flag(1),
            revoked: flag(2),
            has_active: flag(3),
            tenant: high(rest[3]),
            policy: low(rest[3]),
            expiring: high(rest[4]),
            version: low(rest[4]),
            name: high(secret[NAME_WORD]),
            secret: std::array::from_fn(|place| {
                if place == NAME_WORD { u64::from(low(secret[place])) } else { secret[place] }
            }),
        }
    }

    pub fn active(&self) -> Living {
        Living::of(self.secret)
    }

    pub fn set_active(&mut self, secret: &Living) {
        self.secret = secret.words();
        self.has_active = true;
    }
}

/// Has the machine fetch every line of the record.
#[inline]
pub fn touch(record: &[AtomicU64; CREDENTIAL_WORDS]) {
    prefetch(&record[0]);
    prefetch(&record[CREDENTIAL_WORDS - 1]);
}

/// Where the credential's name stands.
#[inline]
pub fn name_place(record: &[AtomicU64; CREDENTIAL_WORDS]) -> u32 {
    high(record[NAME_WORD].load(Ordering::Relaxed))
}

/// A rotated-out secret in its grace window, in the list of its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    pub secret: Living,
    pub credential: u32,
    /// one above the ordinal of the next; 0: none
    pub next: u32,
}

impl Expiring {
    pub fn words(&self) -> [u64; EXPIRING_WORDS] {
        let [w0, w1, w2, w3, w4, w5, w6] = self.secret.words();
        [w0, w1, w2, w3, w4, w5, w6, word(self.credential, self.next)]
    }

    pub fn of(words: &[u64; EXPIRING_WORDS]) -> Expiring {
        let [w0, w1, w2, w3, w4, w5, w6, list] = *words;
        let secret = Living::of([w0, w1, w2, w3, w4, w5, w6]);
        Expiring { secret, credential: high(list), next: low(list) }
    }
}

/// A secret that nothing brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    pub id: Uuid,
    pub prefix: u32,
    pub public: Public,
    pub credential: u32,
    /// ended by hand, and not by its window
    pub by_hand: bool,
}

impl Dead {
    pub fn words(&self, digest: &DigestHalf) -> [u64; DEAD_WORDS] {
        let (first, second) = self.id.as_u64_pair();
        let (_, digest) = digest_words(digest);
        let rest = u64::from(self.public.last & 0xfff) | u64::from(self.by_hand) << 12;
        [digest, first, second, self.public.first, word(self.credential, self.prefix), rest]
    }

    pub fn of(words: &[u64; DEAD_WORDS]) -> Dead {
        Dead {
            id: Uuid::from_u64_pair(words[1], words[2]),
            prefix: low(words[4]),
            public: Public { first: words[3], last: (words[5] & 0xfff) as u16 },
            credential: high(words[4]),
            by_hand: words[5] >> 12 & 1 == 1,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instants() -> impl Strategy<Value = Option<Timestamp>> {
        proptest::option::of((0..=Timestamp::MAX.millis()).prop_map(|at| Timestamp::from_millis(at).unwrap()))
    }

    prop_compose! {
        fn living()(digest: [u8; 16], id: u128, prefix: u32, public in "[0-9A-Za-z]{0,12}", ends_at in instants()) -> Living {
            let public = Public::pack(&public).unwrap();
            Living { digest, id: Uuid::from_u128(id), prefix, public, ends_at }
        }
    }

    proptest! {
        #[test]
        fn public_characters_unpack_to_themselves(text in "[0-9A-Za-z]{0,12}") {
            let mut out = Prefix::EMPTY;
            prop_assert!(Public::pack(&text).unwrap().unpack(&mut out));
            prop_assert_eq!(&*out, text.as_str());
        }

        #[test]
        fn a_record_says_what_was_packed_into_it(
            secret in living(), expires_at in instants(), name_bytes in 0u16..512, flags: [bool; 3],
            ordinals: [u32; 4], name: u32, id: u128,
        ) {
            let [named, suspended, revoked] = flags;
            let [tenant, policy, expiring, version] = ordinals;
            let mut credential = Credential {
                id: Uuid::from_u128(id), expires_at, name_bytes, named, suspended, revoked, has_active: false,
                tenant, policy, expiring, version, name, secret: [0; SECRET_WORDS],
            };
            credential.set_active(&secret);
            prop_assert_eq!(Credential::of(&credential.words()), credential);
            prop_assert_eq!(credential.active(), secret);
            prop_assert!(holds(&credential.words(), &secret.digest));
            let expiring = Expiring { secret, credential: tenant, next: policy };
            prop_assert_eq!(Expiring::of(&expiring.words()), expiring);
            let Living { id, prefix, public, digest, .. } = secret;
            let dead = Dead { id, prefix, public, credential: tenant, by_hand: named };
            prop_assert_eq!(Dead::of(&dead.words(&digest)), dead);
            prop_assert!(holds_dead(&dead.words(&digest), &digest));
        }

        #[test]
        fn another_digest_is_not_held(secret in living(), place in 0usize..16, change in 1u8..) {
            let mut other = secret.digest;
            other[place] ^= change;
            let expiring = Expiring { secret, credential: 0, next: 0 };
            prop_assert!(!holds(&expiring.words(), &other));
        }

        #[test]
        fn a_dead_secret_is_told_apart_by_64_bits_of_the_digest(
            secret in living(), place in 8usize..16, change in 1u8..,
        ) {
            let Living { id, prefix, public, digest, .. } = secret;
            let dead = Dead { id, prefix, public, credential: 0, by_hand: false };
            let mut other = digest;
            other[place] ^= change;
            prop_assert!(!holds_dead(&dead.words(&digest), &other));
        }
    }

    #[test]
    fn what_is_no_base62_is_not_packed() {
        for text in ["0123456789abc", "a-b", "é"] {
            assert_eq!(Public::pack(text), None, "{text}");
        }
    }
}
