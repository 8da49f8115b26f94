//! How records are packed into words.
//!
//! ```text
//! a credential with its active secret, 14 words     an expiring secret, 8 words     a dead secret, 6 words
//!  0  first half of the digest (2 words)             0 to 4 as left                  0  digest 8..16
//!  2  secret id (2 words)                            5  end 48 · public 10..12       1  secret id (2 words)
//!  4  public characters 0..10 · their number         6  – · prefix                   3  public characters
//!  5  credential's expiry 48 · public 10..12         7  credential · next            4  credential · prefix
//!  6  tenant · prefix                                                                5  public 10..12 · by hand
//!  7  credential id (2 words)
//!  9  policy · first expiring secret
//! 10  stream version 24 · owner 27 · name's length 9 · named · suspended · revoked · has an active secret
//! 11  name (3 words): whole, or its first two words and where the rest stands
//! ```
//!
//! A tenant's record has 3 words: its id (2 words), and default limit's requests 32 · suspended 1 · limit's seconds 31.
//!
//! An active secret has no end of its own: where an expiring one keeps it, a credential keeps its expiry. A name of up to 24
//! bytes costs a verdict no line of memory beside its record's.

mod credential;
mod ended;
mod name;
mod secret;
mod tags;
mod tenant;
#[cfg(test)]
mod tests;

pub use credential::{CREDENTIAL_WORDS, Credential, MOST_OWNER, MOST_VERSION, tail_of_name, touch};
pub use ended::{DEAD_WORDS, Dead, EXPIRING_WORDS, Expiring, holds_dead};
pub use name::NameField;
pub use secret::{Living, Public, SecretView, holds, is_of_id};
pub use tags::{PublicTag, tag_of, tag_of_id, tag_of_public};
pub use tenant::{TENANT_WORDS, Tenant};

use crate::clock::Timestamp;

/// The kinds of an index entry.
pub const ACTIVE: u8 = 1;
pub const EXPIRING: u8 = 2;
pub const DEAD: u8 = 3;

const NO_INSTANT: u64 = (1 << 48) - 1;

fn word(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

fn low(word: u64) -> u32 {
    word as u32
}

/// An instant in 48 bits; all set: none. What stands above it is left to the caller.
fn instant_bits(at: Option<Timestamp>) -> u64 {
    at.map_or(NO_INSTANT, |at| at.millis().unsigned_abs() & NO_INSTANT)
}

fn instant_of(bits: u64) -> Option<Timestamp> {
    let bits = bits & NO_INSTANT;
    if bits == NO_INSTANT { None } else { i64::try_from(bits).ok().and_then(Timestamp::from_millis) }
}
