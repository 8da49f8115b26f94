//! Secrets that have an end: in their grace window, and dead.

use uuid::Uuid;

use super::secret::{Living, Public, digest_words};
use super::{high, low, word};
use crate::projections::secrets::DigestHalf;

pub const EXPIRING_WORDS: usize = 8;
pub const DEAD_WORDS: usize = 6;

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
        let secret = Living::of(&[w0, w1, w2, w3, w4, w5, w6]);
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

    /// With the digest of another record of it.
    pub fn words_like(&self, words: &[u64; DEAD_WORDS]) -> [u64; DEAD_WORDS] {
        let mut own = self.words(&DigestHalf::default());
        own[0] = words[0];
        own
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

/// For a dead secret 64 bits of the digest have to do, beside its public part: a mistaken one would still be refused, for
/// another reason. The public part is no secret, so the digest alone keeps a guess from learning what became of a key.
pub fn holds_dead(words: &[u64; DEAD_WORDS], digest: &DigestHalf) -> bool {
    words[0] == digest_words(digest).1
}
