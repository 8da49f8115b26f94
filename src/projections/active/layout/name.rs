//! A name in its credential's record.

use super::super::answer::{InlineName, Name};
use crate::limits;

const WORD: usize = 8;
pub(super) const NAME_WORDS: usize = 3;
/// What a longer name keeps in the record; the third word then says where the rest stands.
const HEAD: usize = 2 * WORD;
const WHOLE: usize = NAME_WORDS * WORD;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameField {
    pub(super) bytes: u16,
    /// whether there is one: an erased name is none
    pub(super) known: bool,
    pub(super) words: [u64; NAME_WORDS],
}

impl NameField {
    /// What of the text stands elsewhere.
    pub fn tail(text: &str) -> &[u8] {
        if text.len() > WHOLE { &text.as_bytes()[HEAD..] } else { &[] }
    }

    /// `place` is where its tail was put, if it has one. The text has at most [`limits::VIEW_NAME_BYTES`].
    pub fn new(text: Option<&str>, place: u32) -> NameField {
        let bytes = text.unwrap_or_default().as_bytes();
        let here = if bytes.len() > WHOLE { &bytes[..HEAD] } else { bytes };
        let mut words = [0; NAME_WORDS];
        for (word, part) in words.iter_mut().zip(here.chunks(WORD)) {
            let mut whole = [0; WORD];
            whole[..part.len()].copy_from_slice(part);
            *word = u64::from_le_bytes(whole);
        }
        if bytes.len() > WHOLE {
            words[NAME_WORDS - 1] = u64::from(place);
        }
        NameField { bytes: bytes.len() as u16, known: text.is_some(), words }
    }

    /// Where its tail stands, and how many bytes it has.
    #[inline]
    pub fn elsewhere(&self) -> Option<(u32, usize)> {
        let bytes = usize::from(self.bytes);
        (bytes > WHOLE).then(|| (self.words[NAME_WORDS - 1] as u32, bytes - HEAD))
    }

    /// Writes the name, if there is one; `rest` reads a word of the tail. `None` only for a look that met the writer.
    #[inline]
    pub fn read(&self, rest: impl Fn(u32) -> Option<u64>, name: &mut Option<Name>) -> Option<()> {
        *name = None;
        if !self.known {
            return Some(());
        }
        match self.elsewhere() {
            None => *name = Some(Name::Short(InlineName::within(&self.here(), self.bytes as u8))),
            Some((place, _)) => *name = Some(self.with_tail(place, rest)?),
        }
        Some(())
    }

    fn with_tail(&self, place: u32, rest: impl Fn(u32) -> Option<u64>) -> Option<Name> {
        let bytes = usize::from(self.bytes);
        let mut text = [0; limits::VIEW_NAME_BYTES.next_multiple_of(WORD)];
        text[..HEAD].copy_from_slice(&self.here()[..HEAD]);
        let tail = text.get_mut(HEAD..bytes.next_multiple_of(WORD))?;
        for (number, part) in (0..).zip(tail.chunks_mut(WORD)) {
            part.copy_from_slice(&rest(place.wrapping_add(number))?.to_le_bytes());
        }
        Name::of(text.get(..bytes)?)
    }

    #[inline]
    fn here(&self) -> [u8; WHOLE] {
        let mut bytes = [0; WHOLE];
        for (part, word) in bytes.chunks_mut(WORD).zip(self.words) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
