//! What of a name its record has no room for: runs of words in chunks that never move, given back by length.

use std::sync::atomic::{AtomicU64, Ordering};

use super::prefetch::prefetch;
use super::slab::{Chunks, Full};
use crate::limits;

const WORD: usize = 8;
const MOST_WORDS: usize = limits::VIEW_NAME_BYTES.div_ceil(WORD);

pub struct Texts {
    words: Chunks<[AtomicU64; 1], { limits::VIEW_TEXT_CHUNK }>,
}

/// The writer's book: what was never used, and what was given back, by its length in words.
#[derive(Debug, Default)]
pub struct Book {
    next: u32,
    free: Vec<Vec<u32>>,
}

impl Texts {
    pub fn new() -> Self {
        Texts { words: Chunks::new() }
    }

    pub fn put(&self, book: &mut Book, text: &[u8]) -> Result<u32, Full> {
        let length = text.len().div_ceil(WORD);
        if length > MOST_WORDS {
            return Err(Full);
        }
        if length == 0 {
            return Ok(0);
        }
        let start = match book.free.get_mut(length).and_then(Vec::pop) {
            Some(start) => start,
            None => self.fresh(book, length)?,
        };
        for (place, bytes) in text.chunks(WORD).enumerate() {
            let mut word = [0; WORD];
            word[..bytes.len()].copy_from_slice(bytes);
            if let Some([cell]) = self.words.get(start + place as u32) {
                cell.store(u64::from_le_bytes(word), Ordering::Relaxed);
            }
        }
        Ok(start)
    }

    /// A run never lies across two chunks; what is left of the old chunk is a few words.
    fn fresh(&self, book: &mut Book, length: usize) -> Result<u32, Full> {
        let left = limits::VIEW_TEXT_CHUNK - book.next as usize % limits::VIEW_TEXT_CHUNK;
        if left < length {
            book.next = book.next.checked_add(left as u32).ok_or(Full)?;
        }
        let start = book.next;
        book.next = start.checked_add(length as u32).ok_or(Full)?;
        self.words.ensure(start)?;
        Ok(start)
    }

    pub fn prepare(&self, book: &Book) -> Result<(), Full> {
        self.words.ensure(book.next)?;
        self.words.ensure(book.next.checked_add(MOST_WORDS as u32).ok_or(Full)?)
    }

    /// The bytes are overwritten: an erased name is nowhere any more.
    pub fn give_back(&self, book: &mut Book, start: u32, bytes: usize) {
        let length = bytes.div_ceil(WORD);
        if length == 0 {
            return;
        }
        for place in 0..length as u32 {
            if let Some([cell]) = self.words.get(start + place) {
                cell.store(0, Ordering::Relaxed);
            }
        }
        if book.free.len() <= length {
            book.free.resize_with(length + 1, Vec::new);
        }
        book.free[length].push(start);
    }

    #[inline]
    pub fn word(&self, place: u32) -> Option<u64> {
        let [cell] = self.words.get(place)?;
        Some(cell.load(Ordering::Relaxed))
    }

    /// Has the machine fetch what stands there.
    #[inline]
    pub fn touch(&self, start: u32) {
        if let Some(word) = self.words.get(start) {
            prefetch(word);
        }
    }

    pub fn bytes(&self) -> u64 {
        self.words.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &Texts, start: u32, bytes: usize) -> Vec<u8> {
        let words = (0..bytes.div_ceil(WORD) as u32).map(|place| texts.word(start + place).expect("a word"));
        words.flat_map(u64::to_le_bytes).take(bytes).collect()
    }

    #[test]
    fn every_length_reads_back_and_room_is_used_again() {
        let texts = Texts::new();
        let mut book = Book::default();
        let runs: Vec<Vec<u8>> =
            (1..=limits::VIEW_NAME_BYTES).map(|length| vec![length as u8; length]).collect();
        let starts: Vec<u32> = runs.iter().map(|run| texts.put(&mut book, run).expect("room")).collect();
        for (run, &start) in runs.iter().zip(&starts) {
            assert_eq!(read(&texts, start, run.len()), *run);
        }
        let before = book.next;
        for (run, start) in runs.iter().zip(starts) {
            texts.give_back(&mut book, start, run.len());
            assert_eq!(
                read(&texts, start, run.len()),
                vec![0; run.len()],
                "an erased name is nowhere any more"
            );
        }
        for run in &runs {
            texts.put(&mut book, run).expect("room");
        }
        assert_eq!(book.next, before);
        assert_eq!(texts.put(&mut book, &[b'x'; MOST_WORDS * WORD + 1]), Err(Full));
    }

    #[test]
    fn no_run_lies_across_two_chunks() {
        let texts = Texts::new();
        let mut book = Book::default();
        for _ in 0..limits::VIEW_TEXT_CHUNK {
            let start = texts.put(&mut book, b"a tail of three words.").expect("room") as usize;
            assert_eq!(start / limits::VIEW_TEXT_CHUNK, (start + 2) / limits::VIEW_TEXT_CHUNK);
        }
    }
}
