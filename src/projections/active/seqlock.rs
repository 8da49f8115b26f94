//! One writer, any number of readers, and no lock between them: a reader looks, and looks again when the writer was at
//! work meanwhile. It never writes to shared memory, so readers don't slow each other down either.
//!
//! What is looked at are atomics alone, so a look that met the writer reads nonsense, but never undefined nonsense; it is
//! thrown away. The fences are those of Boehm, "Can seqlocks get along with programming language memory models?" (2012), and
//! hold on any machine, not only where stores come in order:
//! - A look that reads anything a turn wrote finds that turn's odd number, or a later one, when it asks again: the writer's
//!   release fence stands between the number and its writes, the reader's acquire fence between its reads and the second
//!   question.
//! - A look that begins at an even number reads all that the turns before it wrote: it acquires what their ends released.
//! - Memory that is made meanwhile (chunks, shared values) is published by its own cell, which releases and acquires.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crate::limits;

#[derive(Debug)]
pub struct Seqlock {
    /// odd while the writer is at work
    sequence: AtomicU64,
    /// cleared: nothing may be read
    open: AtomicBool,
}

/// The writer's turn. When it ends in a panic the lock is shut: what was written may be half.
pub struct Turn<'a> {
    lock: &'a Seqlock,
    sequence: u64,
}

impl Seqlock {
    pub fn new() -> Self {
        Seqlock { sequence: AtomicU64::new(0), open: AtomicBool::new(true) }
    }

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub fn shut(&self) {
        self.open.store(false, Ordering::Release);
    }

    pub fn reopen(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// What `look` saw while no one wrote; `None` when the lock is shut.
    #[inline]
    pub fn read<T>(&self, look: impl FnMut() -> T) -> Option<T> {
        self.read_after(|| (), look)
    }

    /// `meanwhile` stands where a whole turn of the writer may fall: between the two things that a look begins with.
    #[inline]
    fn read_after<T>(&self, mut meanwhile: impl FnMut(), mut look: impl FnMut() -> T) -> Option<T> {
        for attempt in 0..limits::VIEW_READS {
            // In this order: a turn that failed shut the lock before it ended, so whoever sees its end sees the lock shut.
            let before = self.sequence.load(Ordering::Acquire);
            meanwhile();
            if !self.is_open() {
                return None;
            }
            if before & 1 == 0 {
                let seen = look();
                fence(Ordering::Acquire);
                if self.sequence.load(Ordering::Relaxed) == before {
                    return Some(seen);
                }
            }
            if attempt < limits::VIEW_SPINS { spin_loop() } else { std::thread::yield_now() }
        }
        None
    }

    /// For the one writer; whoever calls this holds the writer's own lock.
    pub fn write(&self) -> Turn<'_> {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        Turn { lock: self, sequence }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lock.shut();
        }
        self.lock.sequence.store(self.sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn readers_never_see_half_a_write() {
        let lock = Arc::new(Seqlock::new());
        let words: Arc<[AtomicU64; 8]> = Arc::default();
        let looking = Arc::new(AtomicU64::new(3));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (lock, words, looking) = (lock.clone(), words.clone(), looking.clone());
                std::thread::spawn(move || {
                    let look = || std::array::from_fn(|place| words[place].load(Ordering::Relaxed));
                    let looks: Vec<[u64; 8]> = (0..50_000).map(|_| lock.read(look).expect("open")).collect();
                    looking.fetch_sub(1, Ordering::Release);
                    looks.into_iter().find(|seen| seen.iter().any(|word| *word != seen[0]))
                })
            })
            .collect();
        // The writer is at work for as long as anyone looks.
        for value in (0u64..).take_while(|_| looking.load(Ordering::Acquire) > 0) {
            let _turn = lock.write();
            for word in &*words {
                word.store(value, Ordering::Relaxed);
            }
        }
        for reader in readers {
            assert_eq!(reader.join().expect("it looked"), None);
        }
    }

    #[test]
    fn what_a_failed_turn_left_behind_is_never_seen() {
        let lock = Seqlock::new();
        let failed_turn = || {
            let turn = lock.write();
            lock.shut();
            drop(turn);
        };
        assert_eq!(lock.read_after(failed_turn, || "half a write"), None);
    }

    #[test]
    fn a_writer_that_panics_shuts_the_lock() {
        let lock = Arc::new(Seqlock::new());
        let writer = lock.clone();
        let outcome = std::thread::spawn(move || {
            let _turn = writer.write();
            panic!("in the middle of a write");
        });
        assert!(outcome.join().is_err());
        assert_eq!(lock.read(|| ()), None);
    }
}
