//! Records by ordinal, in chunks that never move: what grows is the number of chunks, so a reader's record stays where it is.

use std::array::from_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::limits;

/// The view holds no more of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What stands at an ordinal that nothing was written to yet.
pub trait Empty: Sized {
    fn empty() -> Self;
}

type Chunk<T> = OnceLock<Box<[T]>>;
type Leaf<T> = OnceLock<Box<[Chunk<T>]>>;

/// Chunks in one leaf of the directory: what is small stays small.
const LEAF: usize = 256;

pub struct Chunks<T, const PER: usize = { limits::VIEW_CHUNK }> {
    directory: Box<[Leaf<T>]>,
    taken: AtomicU64,
}

impl<T: Empty, const PER: usize> Chunks<T, PER> {
    pub fn new() -> Self {
        let directory = (0..limits::VIEW_CHUNKS / LEAF).map(|_| OnceLock::new()).collect();
        Chunks { directory, taken: AtomicU64::new(0) }
    }

    #[inline]
    pub fn get(&self, ordinal: u32) -> Option<&T> {
        let (ordinal, chunk) = (ordinal as usize, ordinal as usize / PER);
        self.directory.get(chunk / LEAF)?.get()?.get(chunk % LEAF)?.get()?.get(ordinal % PER)
    }

    /// Makes the chunk of this ordinal, if it is not there.
    pub fn ensure(&self, ordinal: u32) -> Result<(), Full> {
        let chunk = ordinal as usize / PER;
        let leaf = self.directory.get(chunk / LEAF).ok_or(Full)?;
        let leaf = leaf.get_or_init(|| (0..LEAF).map(|_| OnceLock::new()).collect());
        leaf[chunk % LEAF].get_or_init(|| {
            self.taken.fetch_add((PER * size_of::<T>()) as u64, Ordering::Relaxed);
            (0..PER).map(|_| T::empty()).collect()
        });
        Ok(())
    }

    /// Bytes taken from the machine for records.
    pub fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl<const W: usize> Empty for [AtomicU64; W] {
    fn empty() -> Self {
        from_fn(|_| AtomicU64::new(0))
    }
}

impl<T> Empty for OnceLock<T> {
    fn empty() -> Self {
        OnceLock::new()
    }
}

impl<T> Empty for ArcSwapOption<T> {
    fn empty() -> Self {
        ArcSwapOption::empty()
    }
}

/// Records of `W` words.
pub type Records<const W: usize> = Chunks<[AtomicU64; W]>;

impl<const W: usize> Records<W> {
    #[inline]
    pub fn read(&self, ordinal: u32) -> Option<[u64; W]> {
        let record = self.get(ordinal)?;
        let mut words = [0; W];
        for (word, cell) in words.iter_mut().zip(record) {
            *word = cell.load(Ordering::Relaxed);
        }
        Some(words)
    }

    /// The ordinal was handed out by an [`Ordinals`], which made its chunk.
    pub fn write(&self, ordinal: u32, words: [u64; W]) {
        if let Some(record) = self.get(ordinal) {
            for (cell, word) in record.iter().zip(words) {
                cell.store(word, Ordering::Relaxed);
            }
        }
    }
}

/// The writer's book of which ordinals are in use.
#[derive(Debug, Default)]
pub struct Ordinals {
    next: u32,
    free: Vec<u32>,
}

impl Ordinals {
    pub fn take<T: Empty, const PER: usize>(&mut self, chunks: &Chunks<T, PER>) -> Result<u32, Full> {
        if let Some(ordinal) = self.free.pop() {
            return Ok(ordinal);
        }
        chunks.ensure(self.next)?;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Makes room ahead, so that taking one takes no memory.
    pub fn prepare<T: Empty, const PER: usize>(&self, chunks: &Chunks<T, PER>) -> Result<(), Full> {
        if self.free.is_empty() { chunks.ensure(self.next) } else { Ok(()) }
    }

    pub fn give_back(&mut self, ordinal: u32) {
        self.free.push(ordinal);
    }

    pub fn in_use(&self) -> u64 {
        u64::from(self.next) - self.free.len() as u64
    }

    /// Every ordinal that was ever handed out.
    pub fn all(&self) -> std::ops::Range<u32> {
        0..self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinal_is_handed_out_again_only_after_it_was_given_back() {
        let records = Records::<2>::new();
        let mut ordinals = Ordinals::default();
        let taken: Vec<_> = (0..3).map(|_| ordinals.take(&records)).collect();
        assert_eq!(taken, [Ok(0), Ok(1), Ok(2)]);
        ordinals.give_back(1);
        assert_eq!(ordinals.in_use(), 2);
        assert_eq!(ordinals.take(&records), Ok(1));
        assert_eq!(ordinals.take(&records), Ok(3));
    }

    #[test]
    fn what_was_never_made_is_not_there_and_too_much_is_said() {
        let records = Records::<1>::new();
        assert_eq!(records.read(0), None);
        let first_beyond = (limits::VIEW_CHUNKS * limits::VIEW_CHUNK) as u32;
        assert_eq!(records.ensure(first_beyond), Err(Full));
        records.ensure(7).expect("room");
        records.write(7, [42]);
        assert_eq!(records.read(7), Some([42]));
        assert!(records.bytes() >= (limits::VIEW_CHUNK * 8) as u64);
    }
}
