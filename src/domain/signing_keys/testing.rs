//! Keys for tests, told apart by a number, and what became of them.

use super::*;
use crate::domain::credential::Reason;
use crate::domain::event::Event;
use crate::domain::testing::{at, context};
use crate::vault::PublicKey;

pub fn made(number: u8) -> Made {
    Made::of(TokenAlgorithm::EdDsa, PublicKey::Ed25519(vec![number; 32]).into())
}

pub fn when(seconds: i64) -> Context {
    Context { now: at(seconds), ..context() }
}

pub fn folded(state: Option<SigningKeys>, events: Vec<SigningKeysEvent>, seconds: i64) -> SigningKeys {
    let folded = events.into_iter().fold(state, |state, event| {
        let version = state.as_ref().map_or(0, |state| state.history.events) + 1;
        let recorded = when(seconds).record(stream(), version, None, Event::SigningKeys(event.clone()));
        Some(fold(state, event, &recorded).expect("decided events fold"))
    });
    folded.expect("keys")
}

/// The first key is 1, the one published ahead 2.
pub fn begun() -> SigningKeys {
    let begin = Begin { first: Some(made(1)), next: made(2) };
    folded(None, begin.decide(None, &when(0)).expect("begun"), 0)
}

impl Revoke {
    /// For no reason worth telling.
    pub fn of(kid: &str) -> Self {
        Revoke { kid: kid.to_owned(), reason: Reason::Compromised, note: None, lost: None }
    }
}

pub fn after(state: SigningKeys, rotate: &Rotate, seconds: i64) -> SigningKeys {
    let events = rotate.decide(Some(&state), &when(seconds)).expect("rotated");
    folded(Some(state), events, seconds)
}
