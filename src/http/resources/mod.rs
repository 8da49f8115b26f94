//! How resources read in answers: state in, JSON out. Statuses are computed at the instant that is asked about.

pub mod call;
pub mod credential;
pub mod event;
pub mod member;
pub mod operator;
pub mod plan;
pub mod signing_key;
pub mod tenant;

use serde_json::{Value, json};

use crate::domain::credential::Revocation;
use crate::domain::event::Actor;

/// Who an actor is, with the name that the ledger knows it by now.
pub fn actor(actor: Actor, name: Option<String>) -> Value {
    match actor {
        Actor::Operator(id) => json!({"kind": "operator", "id": id, "name": name}),
        Actor::Holder(id) => json!({"kind": "holder", "id": id, "name": name}),
        Actor::System => json!({"kind": "system", "id": null, "name": "credledger"}),
    }
}

/// Names of actors, for whoever renders.
pub type Names<'a> = &'a dyn Fn(Actor) -> Option<String>;

/// By whom and why something was ended for ever.
pub fn revocation(revoked: &Revocation, names: Names<'_>) -> Value {
    let by = actor(revoked.by, names(revoked.by));
    json!({"at": revoked.at, "by": by, "reason": revoked.reason, "note": revoked.note})
}
