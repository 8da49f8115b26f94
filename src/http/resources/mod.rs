//! How resources read in answers: state in, JSON out. Statuses are computed at the instant that is asked about.

pub mod call;
pub mod credential;
pub mod erasure;
pub mod event;
pub mod member;
pub mod operator;
pub mod plan;
pub mod signing_key;
pub mod tenant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::credential::Revocation;
use crate::domain::event::Actor;
use crate::domain::personal::Personal;

/// Who an actor is, with the name that the ledger knows it by now.
pub fn actor(actor: Actor, name: Option<Personal<String>>) -> Value {
    let name = name.as_ref().map(shown);
    match actor {
        Actor::Operator(id) => json!({"kind": "operator", "id": id, "name": name}),
        Actor::Holder(id) => json!({"kind": "holder", "id": id, "name": name}),
        Actor::System => json!({"kind": "system", "id": null, "name": "credledger"}),
    }
}

/// Names of actors, for whoever renders.
pub type Names<'a> = &'a dyn Fn(Actor) -> Option<Personal<String>>;

/// What stands for a value that was erased: neither null (there is none) nor absent.
pub fn erased() -> Value {
    json!({"erased": true})
}

pub fn shown<T: Serialize>(value: &Personal<T>) -> Value {
    value.known().map_or_else(erased, |value| json!(value))
}

/// An empty text is none.
pub fn shown_text(text: &Personal<String>) -> Value {
    if text.known().is_some_and(String::is_empty) { Value::Null } else { shown(text) }
}

/// By whom and why something was ended for ever.
pub fn revocation(revoked: &Revocation, names: Names<'_>) -> Value {
    let by = actor(revoked.by, names(revoked.by));
    json!({"at": revoked.at, "by": by, "reason": revoked.reason, "note": revoked.note.as_ref().map(shown)})
}
