//! Keys from elsewhere: which texts may be one, and by which digests they are found. All of it is looked at only for a text that
//! is no key of our own.
//!
//! An imported secret stands in the same records as any other. The index finds it by its digest, since of its text nobody knows
//! where the public part ends; what leads from a text to its digest stands here.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use super::answer::{Judgement, NotAnswering};
use super::index::{self, Index, TIGHT};
use super::layout::tag_of;
use super::look::{Look, Shown, Sought};
use super::slab::Full;
use super::store::{Store, only};
use super::texts::{self, Texts};
use crate::domain::imports::{ForeignPrefix, Scheme, Side};
use crate::limits;
use crate::projections::secrets::{DigestHalf, SaltRecord};
use crate::vault::{ForeignKey, Vault, sha256};

/// Everything that was declared.
#[derive(Debug, Default)]
pub struct Foreign {
    prefixes: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    prefix: ForeignPrefix,
    ways: Vec<Way>,
}

/// A scheme, ready to be gone by.
#[derive(Debug)]
struct Way {
    scheme: Scheme,
    label: String,
    /// opened when it is needed first; none: its seal does not open
    key: OnceLock<Option<ForeignKey>>,
}

/// Whether it is a key from elsewhere: then `judged` is the answer. All ways are gone, whichever is the right one:
/// the digests take as long as for a key that nobody has.
#[cold]
#[inline(never)]
pub fn seek(look: &Look<'_>, vault: &Vault, text: &str, judged: &mut Judgement) -> Result<(), NotAnswering> {
    look.store.forms.ask(|forms| {
        let mut found = false;
        forms.foreign.ways(text).try_for_each(|way| {
            way.each_digest(look.store, vault, text, |plain| {
                for pepper in vault.numbers() {
                    let Some(digest) = vault.wrapped(pepper, &way.label, plain) else { continue };
                    if !found {
                        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
                        let sought = Sought {
                            tag: tag_of(&digest),
                            spot: None,
                            wanted: &digest,
                            shown: Shown::AsKnown,
                        };
                        found = look.at(&sought, judged)?;
                    }
                }
                Ok(())
            })
        })
    })
}

impl Foreign {
    pub fn of(prefixes: Vec<ForeignPrefix>) -> Self {
        let known = |prefix: ForeignPrefix| {
            let ways = prefix.schemes.iter().cloned().map(Way::of).collect();
            Known { prefix, ways }
        };
        Foreign { prefixes: prefixes.into_iter().map(known).collect() }
    }

    pub fn fits(&self, text: &str) -> bool {
        self.prefixes.iter().any(|known| known.prefix.fits(text))
    }

    pub fn fits_with_a_prefix(&self, text: &str) -> bool {
        self.prefixes.iter().any(|known| !known.prefix.prefix.is_empty() && known.prefix.fits(text))
    }

    pub fn prefixes(&self) -> Vec<ForeignPrefix> {
        self.prefixes.iter().map(|known| known.prefix.clone()).collect()
    }

    /// Each way once: what was declared lets a text have few.
    fn ways<'f>(&'f self, text: &'f str) -> impl Iterator<Item = &'f Way> {
        let fitting = move |known: &&Known| known.prefix.fits(text);
        self.prefixes.iter().enumerate().filter(move |(_, known)| fitting(known)).flat_map(
            move |(place, known)| {
                let before = self.prefixes[..place].iter().filter(fitting);
                let new = move |way: &&Way| {
                    !before.clone().any(|known| known.ways.iter().any(|other| other.scheme.is(&way.scheme)))
                };
                known.ways.iter().filter(new)
            },
        )
    }
}

impl Way {
    fn of(scheme: Scheme) -> Self {
        Way { label: scheme.label(), scheme, key: OnceLock::new() }
    }

    /// The digests that the text may have had where it comes from.
    fn each_digest(
        &self,
        store: &Store,
        vault: &Vault,
        text: &str,
        mut with: impl FnMut(&[u8; 32]) -> Result<(), NotAnswering>,
    ) -> Result<(), NotAnswering> {
        let text_bytes = text.as_bytes();
        match &self.scheme {
            Scheme::Sha256 {} => with(&sha256(&[text_bytes])),
            Scheme::Hmac { .. } => self.key(vault).map_or(Ok(()), |key| with(&key.digest(text_bytes))),
            Scheme::Salted { side, start_chars } => {
                let Some(start) = text.get(..usize::from(*start_chars)) else { return Ok(()) };
                let mut salts = store.lock.read(|| store.salts.of(*side, start)).ok_or(NotAnswering)?;
                if salts.is_empty() {
                    // The same work for a start that nobody's key has.
                    salts.push(Vec::new());
                }
                salts.iter().try_for_each(|salt| match side {
                    Side::Before => with(&sha256(&[salt, text_bytes])),
                    Side::After => with(&sha256(&[text_bytes, salt])),
                })
            }
        }
    }

    fn key(&self, vault: &Vault) -> Option<&ForeignKey> {
        let open = || {
            let Scheme::Hmac { sealed, .. } = &self.scheme else { return None };
            let key = sealed.bytes().and_then(|sealed| vault.open_foreign_key(&sealed).ok());
            if key.is_none() {
                tracing::error!("the key of an import does not open: is its master key still in the file?");
            }
            key
        };
        self.key.get_or_init(open).as_ref()
    }
}

/// The salts of imported keys, by how the keys begin. They stay when their key dies, which is still told apart then.
pub struct Salts {
    index: Index,
    texts: Texts,
    hash: RandomState,
}

#[derive(Default)]
pub struct SaltBook {
    index: index::Book,
    texts: texts::Book,
    count: u64,
}

impl SaltBook {
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Salts {
    pub fn new() -> Result<Self, Full> {
        Ok(Salts { index: Index::new(TIGHT)?, texts: Texts::new(), hash: Default::default() })
    }

    pub fn prepare(&self, book: &SaltBook) -> Result<(), Full> {
        self.index.prepare(&book.index)?;
        self.texts.prepare(&book.texts)
    }

    pub fn bytes(&self) -> u64 {
        self.index.bytes() + self.texts.bytes()
    }

    /// A run of bytes: the side, the lengths of start and salt, and both.
    pub fn add(&self, book: &mut SaltBook, salt: &SaltRecord<'_>) -> Result<(), Full> {
        let lengths = [salt.start.len(), salt.bytes.len()].map(u8::try_from);
        let [Ok(start), Ok(length)] = lengths else { return Err(Full) };
        let run = [&[salt.side as u8, start, length], salt.start.as_bytes(), salt.bytes].concat();
        let ordinal = self.texts.put(&mut book.texts, &run)?;
        if ordinal >= MOST_ORDINAL {
            return Err(Full);
        }
        book.count += 1;
        self.index.insert(&mut book.index, only(self.tag(salt.side, salt.start), ordinal))
    }

    /// Part of a look: what a writer has left half done is thrown away.
    fn of(&self, side: Side, start: &str) -> Vec<Vec<u8>> {
        let mut salts = Vec::new();
        let _: Option<()> = self.index.find(self.tag(side, start), |entry| {
            salts.extend(self.read(entry.ordinal, side, start));
            (salts.len() >= limits::SALTED_A_START).then_some(())
        });
        salts
    }

    fn read(&self, ordinal: u32, side: Side, start: &str) -> Option<Vec<u8>> {
        let first = self.texts.word(ordinal)?.to_le_bytes();
        let [kind, start_bytes, salt_bytes, ..] = first;
        let whole = 3 + usize::from(start_bytes) + usize::from(salt_bytes);
        let mut run = Vec::with_capacity(whole.next_multiple_of(8));
        for place in 0..u32::try_from(whole.div_ceil(8)).ok()? {
            run.extend_from_slice(&self.texts.word(ordinal.checked_add(place)?)?.to_le_bytes());
        }
        let (of_start, salt) = run.get(3..whole)?.split_at_checked(usize::from(start_bytes))?;
        (kind == side as u8 && of_start == start.as_bytes()).then(|| salt.to_vec())
    }

    fn tag(&self, side: Side, start: &str) -> u32 {
        self.hash.hash_one((side as u8, start)) as u32
    }
}

/// What an entry of an index can hold.
const MOST_ORDINAL: u32 = 1 << 30;
