//! Folds of streams that events came of lately, so that a stream is not read anew for each of its events.

use std::collections::HashMap;

use super::Folded;
use crate::domain::ids::StreamId;
use crate::limits;

#[derive(Default)]
pub struct Kept {
    folds: HashMap<StreamId, Folded>,
    bytes: u64,
}

impl Kept {
    pub fn get(&self, stream: StreamId, version: u32) -> Option<&Folded> {
        self.folds.get(&stream).filter(|folded| folded.state.version() == version)
    }

    pub fn keep(&mut self, stream: StreamId, folded: Folded) {
        let bytes = weight(&folded);
        if self.bytes + bytes > limits::BEHIND_KEPT_BYTES {
            self.clear();
        }
        self.bytes += bytes;
        if let Some(before) = self.folds.insert(stream, folded) {
            self.bytes = self.bytes.saturating_sub(weight(&before));
        }
    }

    pub fn forget(&mut self, stream: StreamId) {
        if let Some(folded) = self.folds.remove(&stream) {
            self.bytes = self.bytes.saturating_sub(weight(&folded));
        }
    }

    pub fn clear(&mut self) {
        *self = Kept::default();
    }
}

/// About what it takes: its events' own bytes, and what holds them.
fn weight(folded: &Folded) -> u64 {
    limits::BEHIND_FOLD_BYTES + folded.state.history().bytes
}
