//! Folded states of the streams that many decisions read: tenants, operators, members and plans. What stands here may be old;
//! a decision made on it is guarded by its version, and a refusal is decided again on what the database says.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::read::Loaded;
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;
use crate::limits;

#[derive(Default)]
pub struct Streams {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    states: HashMap<StreamId, Loaded>,
    /// how many events stood in the ledger with the last erasure among them: what was read before that may hold what is erased
    erased_at: u64,
}

fn is_kept(state: &StreamState) -> bool {
    match state {
        StreamState::Tenant(_)
        | StreamState::Operator(_)
        | StreamState::Plan(_)
        | StreamState::Imports(_)
        | StreamState::SigningKeys(_) => true,
        StreamState::Member(member) => {
            let bytes: usize = member.scopes.iter().map(|scope| scope.as_str().len()).sum();
            bytes <= limits::KEPT_SCOPES_BYTES
        }
        StreamState::Empty
        | StreamState::Credential(_)
        | StreamState::AccessToken(_)
        | StreamState::Erasure(_)
        | StreamState::ActivityLog(_) => false,
    }
}

impl Streams {
    pub fn get(&self, stream: StreamId) -> Option<Loaded> {
        self.lock().states.get(&stream).cloned()
    }

    /// Keeps the newer of two states of a stream, unless something was erased since it was read: `seen` is how many events had
    /// been applied when the reading began.
    pub fn keep(&self, stream: StreamId, loaded: &Loaded, seen: u64) {
        if !is_kept(&loaded.state) {
            return;
        }
        let mut kept = self.lock();
        if seen < kept.erased_at {
            return;
        }
        let kept = &mut kept.states;
        if kept.len() >= limits::STREAMS_KEPT && !kept.contains_key(&stream) {
            kept.clear();
        }
        let newer = kept.get(&stream).is_none_or(|old| old.state.version() < loaded.state.version());
        if newer {
            kept.insert(stream, loaded.clone());
        }
    }

    pub fn forget(&self, stream: StreamId) {
        self.lock().states.remove(&stream);
    }

    /// Forgets what an applied event erased of; `applied` counts it.
    pub fn erased(&self, recorded: &Recorded, applied: u64) {
        let Some(erased) = recorded.erased() else { return };
        let mut kept = self.lock();
        kept.erased_at = applied;
        kept.states.remove(&StreamId(erased.subject.id));
    }

    /// A panic elsewhere leaves the map whole: every change of it is one call.
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
