//! Access tokens that were revoked by themselves, until their own end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use uuid::Uuid;

use super::edit::Why;
use super::index::{self, Index, TIGHT};
use super::layout::tag_of_id;
use super::slab::{Full, Ordinals, Records};
use super::store::only;
use crate::clock::Timestamp;

/// The token's id, and its end.
const WORDS: usize = 3;

pub struct RevokedTokens {
    records: Records<WORDS>,
    by_id: Index,
}

/// The writer's side.
#[derive(Debug, Default)]
pub struct Book {
    ordinals: Ordinals,
    by_id: index::Book,
    /// by their ends, the first on top
    ends: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl RevokedTokens {
    pub fn new() -> Result<Self, Full> {
        Ok(RevokedTokens { records: Records::new(), by_id: Index::new(TIGHT)? })
    }

    pub fn prepare(&self, book: &Book) -> Result<(), Full> {
        self.by_id.prepare(&book.by_id)?;
        book.ordinals.prepare(&self.records)
    }

    pub fn holds(&self, id: Uuid) -> bool {
        let (first, second) = id.as_u64_pair();
        let is_it = |[one, other, _]: [u64; WORDS]| ((one, other) == (first, second)).then_some(());
        self.by_id.find(tag_of_id(id), |entry| is_it(self.records.read(entry.ordinal)?)).is_some()
    }

    /// Takes one more; those that are over by now make room. The same one twice is none more.
    pub fn add(&self, book: &mut Book, id: Uuid, ends_at: Timestamp, now: Timestamp) -> Result<(), Why> {
        self.forget_ended(book, now)?;
        if ends_at <= now || self.holds(id) {
            return Ok(());
        }
        let ordinal = book.ordinals.take(&self.records)?;
        let (first, second) = id.as_u64_pair();
        self.records.write(ordinal, [first, second, ends_at.millis().unsigned_abs()]);
        book.ends.push(Reverse((ends_at, ordinal)));
        Ok(self.by_id.insert(&mut book.by_id, only(tag_of_id(id), ordinal))?)
    }

    fn forget_ended(&self, book: &mut Book, now: Timestamp) -> Result<(), Why> {
        while let Some(&Reverse((ends_at, ordinal))) = book.ends.peek()
            && ends_at <= now
        {
            book.ends.pop();
            let [first, second, _] =
                self.records.read(ordinal).ok_or("a revoked token's record is missing")?;
            let tag = tag_of_id(Uuid::from_u64_pair(first, second));
            if !self.by_id.replace(only(tag, ordinal), None, &mut book.by_id) {
                return Err("a revoked token's index entry is missing");
            }
            self.records.write(ordinal, [0; WORDS]);
            book.ordinals.give_back(ordinal);
        }
        Ok(())
    }

    /// Those that are not over at that instant, by id.
    pub fn all(&self, book: &Book, now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let living = book.ends.iter().filter(|Reverse((ends_at, _))| *ends_at > now);
        let read = |&Reverse((ends_at, ordinal)): &Reverse<(Timestamp, u32)>| {
            let [first, second, _] = self.records.read(ordinal)?;
            Some((Uuid::from_u64_pair(first, second), ends_at))
        };
        let mut all: Vec<_> = living.filter_map(read).collect();
        all.sort_unstable();
        all
    }

    pub fn bytes(&self) -> u64 {
        self.records.bytes() + self.by_id.bytes()
    }
}

impl Book {
    pub fn in_use(&self) -> u64 {
        self.ordinals.in_use()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::at;

    #[test]
    fn a_token_is_held_until_its_own_end_makes_room() {
        let (tokens, mut book) = (RevokedTokens::new().expect("room"), Book::default());
        let id = |number: u128| Uuid::from_u128(number << 64 | number);
        for number in 0..1000 {
            tokens.prepare(&book).expect("room");
            tokens.add(&mut book, id(number), at(10 + number as i64), at(0)).expect("added");
        }
        assert!((0..1000).all(|number| tokens.holds(id(number))));
        assert!(!tokens.holds(id(1000)));
        tokens.add(&mut book, id(1000), at(2000), at(509)).expect("added");
        assert_eq!((book.in_use(), tokens.holds(id(499)), tokens.holds(id(500))), (501, false, true));
        assert_eq!(tokens.all(&book, at(1008)), [(id(999), at(1009)), (id(1000), at(2000))]);
    }

    #[test]
    fn one_that_is_over_or_there_already_takes_no_room() {
        let (tokens, mut book) = (RevokedTokens::new().expect("room"), Book::default());
        tokens.prepare(&book).expect("room");
        tokens.add(&mut book, Uuid::from_u128(1), at(5), at(5)).expect("passed over");
        tokens.add(&mut book, Uuid::from_u128(2), at(6), at(5)).expect("added");
        tokens.add(&mut book, Uuid::from_u128(2), at(6), at(5)).expect("passed over");
        assert_eq!(book.in_use(), 1);
    }
}
