//! What there are few of, and big: each kept once, found by its id, and replaced whole.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use uuid::Uuid;

use super::edit::Why;
use super::index::{self, Index, LOOSE};
use super::layout::tag_of_id;
use super::slab::{Chunks, Full, Ordinals};
use super::store::only;

pub trait Entity {
    /// As refusals name it.
    const WHAT: Words;

    fn id(&self) -> Uuid;
}

pub struct Words {
    pub unknown: Why,
    pub taken: Why,
}

pub struct Kept<T> {
    entries: Chunks<ArcSwapOption<T>>,
    by_id: Index,
}

/// The writer's side.
#[derive(Debug, Default)]
pub struct Book {
    ordinals: Ordinals,
    by_id: index::Book,
}

impl<T: Entity> Kept<T> {
    pub fn new() -> Result<Self, Full> {
        Ok(Kept { entries: Chunks::new(), by_id: Index::new(LOOSE)? })
    }

    pub fn ordinal(&self, id: Uuid) -> Option<u32> {
        self.by_id.find(tag_of_id(id), |found| {
            let there = self.load(found.ordinal)?.as_ref().is_some_and(|entry| entry.id() == id);
            there.then_some(found.ordinal)
        })
    }

    #[inline]
    pub fn load(&self, ordinal: u32) -> Option<Guard<Option<Arc<T>>>> {
        Some(self.entries.get(ordinal)?.load())
    }

    pub fn at(&self, ordinal: u32) -> Option<Arc<T>> {
        self.entries.get(ordinal)?.load_full()
    }

    pub fn find(&self, id: Uuid) -> Result<(u32, Arc<T>), Why> {
        let found = self.ordinal(id).and_then(|ordinal| Some((ordinal, self.at(ordinal)?)));
        found.ok_or(T::WHAT.unknown)
    }

    pub fn put(&self, ordinal: u32, entry: T) {
        if let Some(cell) = self.entries.get(ordinal) {
            cell.store(Some(Arc::new(entry)));
        }
    }

    pub fn add(&self, book: &mut Book, entry: T) -> Result<u32, Why> {
        let id = entry.id();
        if self.ordinal(id).is_some() {
            return Err(T::WHAT.taken);
        }
        let ordinal = book.ordinals.take(&self.entries)?;
        self.put(ordinal, entry);
        self.by_id.insert(&mut book.by_id, only(tag_of_id(id), ordinal))?;
        Ok(ordinal)
    }

    pub fn all(&self, book: &Book) -> impl Iterator<Item = Arc<T>> {
        book.ordinals.all().filter_map(|ordinal| self.at(ordinal))
    }

    pub fn bytes(&self) -> u64 {
        self.entries.bytes() + self.by_id.bytes()
    }
}

impl Book {
    pub fn in_use(&self) -> u64 {
        self.ordinals.in_use()
    }
}
