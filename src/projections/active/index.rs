//! From 32 bits of a digest or an id to ordinals: linear hashing over buckets of one cache line.
//!
//! It grows by one bucket at a time, so that no event ever pays for the whole table, no second table stands beside the
//! first, and readers need no pointer to a newer one. The bits themselves stand in the entry: to grow touches no record.

use std::array::from_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::prefetch::prefetch;
use super::slab::{Chunks, Empty, Full, Ordinals};
use crate::limits;

const ENTRIES: usize = 8;
/// The last entry of a full line may be a link to the line that it runs over into.
const LAST: usize = ENTRIES - 1;
/// Entries a bucket, on the average, in halves. The looser, the seldomer a second line is looked at; the tighter, the smaller.
pub const LOOSE: u64 = 11;
pub const TIGHT: u64 = 14;

#[repr(align(64))]
pub struct Line([AtomicU64; ENTRIES]);

impl Empty for Line {
    fn empty() -> Self {
        Line(from_fn(|_| AtomicU64::new(0)))
    }
}

impl Line {
    /// What stands here, and a bit for each word with this tag. All are compared before any is looked at: which one it is
    /// can't be foreseen, that there is one can, and so what follows goes on while the line is still on its way from memory.
    #[inline]
    fn hits(&self, tag: u32) -> ([u64; ENTRIES], u32) {
        let words: [u64; ENTRIES] = from_fn(|place| self.0[place].load(Ordering::Relaxed));
        let hit = |place: usize| u32::from(words[place] as u32 == tag) << place;
        (words, (0..ENTRIES).fold(0, |hits, place| hits | hit(place)))
    }
}

/// Where an entry stood when it was looked at.
pub struct Spot<'i> {
    cell: &'i AtomicU64,
    pub entry: Entry,
}

impl Spot<'_> {
    /// Whether it stands there still: then it is an entry of the index at this moment too, since what is taken out or moved
    /// is wiped.
    #[inline]
    pub fn holds(&self) -> bool {
        self.cell.load(Ordering::Relaxed) == self.entry.word()
    }
}

/// Where an entry leads. Never all zeros: kind 0 is not used by callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tag: u32,
    /// 1 to 3
    pub kind: u8,
    /// below 2^30
    pub ordinal: u32,
}

impl Entry {
    fn word(self) -> u64 {
        u64::from(self.kind) << 62 | u64::from(self.ordinal) << 32 | u64::from(self.tag)
    }

    fn of(word: u64) -> Option<Entry> {
        let (kind, ordinal) = ((word >> 62) as u8, (word >> 32) as u32 & 0x3fff_ffff);
        (kind != 0).then_some(Entry { tag: word as u32, kind, ordinal })
    }
}

/// A word of kind 0 that is not zero names the overflow line one below it.
fn link(word: u64) -> Option<u32> {
    (word != 0 && word >> 62 == 0).then(|| ((word >> 32) as u32).wrapping_sub(1))
}

fn link_word(line: u32) -> u64 {
    (u64::from(line) + 1) << 32
}

pub struct Index {
    lines: Chunks<Line>,
    overflow: Chunks<Line>,
    buckets: AtomicU32,
    halves: u64,
}

/// The writer's side of an index.
#[derive(Debug, Default)]
pub struct Book {
    entries: u64,
    overflow: Ordinals,
}

fn bucket_of(tag: u32, buckets: u32) -> u32 {
    let round = buckets.next_power_of_two();
    let bucket = tag & (round - 1);
    if bucket < buckets { bucket } else { bucket & (round / 2 - 1) }
}

impl Index {
    pub fn new(halves: u64) -> Result<Self, Full> {
        let index =
            Index { lines: Chunks::new(), overflow: Chunks::new(), buckets: AtomicU32::new(1), halves };
        index.lines.ensure(0)?;
        Ok(index)
    }

    /// The first of the entries with this tag for which `accept` has an answer.
    #[inline]
    pub fn find<T>(&self, tag: u32, mut accept: impl FnMut(Entry) -> Option<T>) -> Option<T> {
        let mut line = self.lines.get(bucket_of(tag, self.buckets.load(Ordering::Relaxed).max(1)))?;
        for _ in 0..limits::VIEW_CHAIN {
            let (words, mut hits) = line.hits(tag);
            while hits != 0 {
                let word = words[hits.trailing_zeros() as usize % ENTRIES];
                if let Some(found) = Entry::of(word).and_then(&mut accept) {
                    return Some(found);
                }
                hits &= hits - 1;
            }
            line = self.overflow.get(link(words[LAST])?)?;
        }
        None
    }

    /// The first entry with this tag, and where it stands.
    #[inline]
    pub fn spot(&self, tag: u32) -> Option<Spot<'_>> {
        let mut line = self.lines.get(bucket_of(tag, self.buckets.load(Ordering::Relaxed).max(1)))?;
        for _ in 0..limits::VIEW_CHAIN {
            let (words, hits) = line.hits(tag);
            let place = hits.trailing_zeros() as usize % ENTRIES;
            if let Some(entry) = Entry::of(words[place]).filter(|_| hits != 0) {
                return Some(Spot { cell: &line.0[place], entry });
            }
            line = self.overflow.get(link(words[LAST])?)?;
        }
        None
    }

    /// Has the machine fetch the line that a tag stands in.
    #[inline]
    pub fn touch(&self, tag: u32) {
        if let Some(line) = self.lines.get(bucket_of(tag, self.buckets.load(Ordering::Relaxed).max(1))) {
            prefetch(line);
        }
    }

    pub fn insert(&self, book: &mut Book, entry: Entry) -> Result<(), Full> {
        book.entries += 1;
        if book.entries * 2 > u64::from(self.buckets.load(Ordering::Relaxed)) * self.halves {
            self.split(book)?;
        }
        self.put(book, entry.word())
    }

    /// Whether it was there.
    pub fn replace(&self, old: Entry, new: Option<Entry>, book: &mut Book) -> bool {
        let word = old.word();
        let found = self
            .chain(bucket_of(old.tag, self.buckets.load(Ordering::Relaxed)))
            .find_map(|line| line.0.iter().find(|cell| cell.load(Ordering::Relaxed) == word));
        let Some(cell) = found else { return false };
        cell.store(new.map_or(0, Entry::word), Ordering::Relaxed);
        book.entries -= u64::from(new.is_none());
        true
    }

    /// Makes room ahead for the next entry.
    pub fn prepare(&self, book: &Book) -> Result<(), Full> {
        self.lines.ensure(self.buckets.load(Ordering::Relaxed))?;
        book.overflow.prepare(&self.overflow)
    }

    pub fn bytes(&self) -> u64 {
        self.lines.bytes() + self.overflow.bytes()
    }

    fn chain(&self, bucket: u32) -> impl Iterator<Item = &Line> {
        let next = |line: &&Line| self.overflow.get(link(line.0[LAST].load(Ordering::Relaxed))?);
        std::iter::successors(self.lines.get(bucket), next).take(limits::VIEW_CHAIN)
    }

    fn put(&self, book: &mut Book, word: u64) -> Result<(), Full> {
        let bucket = bucket_of(word as u32, self.buckets.load(Ordering::Relaxed));
        let (mut end, mut lines) = (None, 0);
        for line in self.chain(bucket) {
            if let Some(cell) = line.0.iter().find(|cell| cell.load(Ordering::Relaxed) == 0) {
                cell.store(word, Ordering::Relaxed);
                return Ok(());
            }
            (end, lines) = (Some(&line.0[LAST]), lines + 1);
        }
        // All lines are full, and the last cell of the last one is an entry: it makes room for the link.
        let cell = end.filter(|_| lines < limits::VIEW_CHAIN).ok_or(Full)?;
        let ordinal = book.overflow.take(&self.overflow)?;
        let line = self.overflow.get(ordinal).ok_or(Full)?;
        line.0[0].store(cell.load(Ordering::Relaxed), Ordering::Relaxed);
        line.0[1].store(word, Ordering::Relaxed);
        cell.store(link_word(ordinal), Ordering::Relaxed);
        Ok(())
    }

    /// One bucket more: the entries of the one it splits off from are dealt out anew.
    fn split(&self, book: &mut Book) -> Result<(), Full> {
        let new = self.buckets.load(Ordering::Relaxed);
        self.lines.ensure(new)?;
        let old = bucket_of(new, new);
        let mut words = Vec::with_capacity(4 * ENTRIES);
        let mut links = Vec::new();
        let lines: Vec<&Line> = self.chain(old).collect();
        for line in lines {
            for cell in &line.0 {
                let word = cell.load(Ordering::Relaxed);
                cell.store(0, Ordering::Relaxed);
                match link(word) {
                    Some(ordinal) => links.push(ordinal),
                    None if word == 0 => {}
                    None => words.push(word),
                }
            }
        }
        for ordinal in links {
            book.overflow.give_back(ordinal);
        }
        self.buckets.store(new + 1, Ordering::Relaxed);
        words.into_iter().try_for_each(|word| self.put(book, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn all(index: &Index, tag: u32) -> Vec<u32> {
        let mut found = Vec::new();
        index.find(tag, |entry| {
            found.push(entry.ordinal);
            None::<()>
        });
        found.sort_unstable();
        found
    }

    proptest::proptest! {
        #[test]
        fn it_holds_what_a_map_holds(
            steps in proptest::collection::vec((0u32..300, 0u8..3), 1..3000),
            spread in proptest::sample::select(vec![1u32, 0x9e37_79b1, 8]),
        ) {
            let index = Index::new(LOOSE).expect("room");
            let mut book = Book::default();
            let mut model: HashMap<u32, Vec<u32>> = HashMap::new();
            for (ordinal, (tag, what)) in steps.into_iter().enumerate() {
                let tag = tag.wrapping_mul(spread);
                let entry = |ordinal, kind| Entry { tag, kind, ordinal };
                let held = model.entry(tag).or_default();
                match (what, held.last().copied()) {
                    (0, Some(last)) => {
                        assert!(index.replace(entry(last, 1), None, &mut book));
                        held.pop();
                    }
                    (1, Some(last)) => {
                        let new = entry(ordinal as u32, 1);
                        assert!(index.replace(entry(last, 1), Some(new), &mut book));
                        held.pop();
                        held.push(ordinal as u32);
                    }
                    _ => {
                        index.insert(&mut book, entry(ordinal as u32, 1)).expect("room");
                        held.push(ordinal as u32);
                    }
                }
            }
            for (tag, mut held) in model {
                held.sort_unstable();
                assert_eq!(all(&index, tag), held, "{tag}");
                assert!(!index.replace(Entry { tag, kind: 2, ordinal: 0 }, None, &mut book));
            }
        }
    }

    #[test]
    fn too_many_entries_of_one_tag_are_refused_and_not_lost() {
        let index = Index::new(LOOSE).expect("room");
        let mut book = Book::default();
        let mut insert = |ordinal| index.insert(&mut book, Entry { tag: 7, kind: 3, ordinal });
        let refused = (0..10_000).find(|&ordinal| insert(ordinal).is_err()).expect("a limit");
        assert_eq!(all(&index, 7), (0..refused).collect::<Vec<_>>());
    }
}
