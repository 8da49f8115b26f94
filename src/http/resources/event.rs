//! An event in an answer: who, when, from where, and what it changed.

use serde_json::{Value, json};

use super::{Names, actor, credential, erased, shown};
use crate::domain::credential::Credential;
use crate::domain::event::Recorded;
use crate::ledger::read::Positioned;

/// `before` and `after` are the credential's states around the event.
pub fn event(
    positioned: &Positioned,
    before: Option<&Credential>,
    after: &Credential,
    names: Names<'_>,
) -> Value {
    let recorded = &positioned.recorded;
    json!({
        "position": positioned.position,
        "type": recorded.event.kind().name,
        "at": recorded.at,
        "tenant_id": recorded.tenant,
        "subject": {"kind": after.kind().word(), "id": after.id, "name": shown(&after.name.value)},
        "version": after.version,
        "actor": actor(recorded.actor, names(recorded.actor)),
        "client_ip": recorded.client_ip.as_ref().map(shown),
        "request_id": recorded.request_id,
        "changes": changes(before, after),
        "data": data(recorded),
    })
}

/// Each member that people set and the event changed, from what to what.
fn changes(before: Option<&Credential>, after: &Credential) -> Value {
    let old = before.map(credential::members).unwrap_or_default();
    let new = credential::members(after);
    let changed = new.into_iter().filter(|(name, value)| old.get(name) != Some(value));
    let changes = changed.map(|(name, value)| {
        let from = old.get(&name).cloned().unwrap_or(Value::Null);
        (name, json!({"from": from, "to": value}))
    });
    Value::Object(changes.collect())
}

/// The event's own members. A secret's digest is the ledger's business: in answers a secret is its id and prefix, and of an imported
/// one how its digest was made.
fn data(recorded: &Recorded) -> Value {
    let mut members = recorded.event.members();
    for gone in recorded.event.kind().personal {
        if let Some(gone) = members.get_mut(*gone).filter(|value| value.is_null()) {
            *gone = erased();
        }
    }
    if let Some(Value::Object(secret)) = members.get_mut("secret") {
        secret.retain(|name, _| matches!(&**name, "id" | "client_id" | "prefix" | "format" | "scheme"));
    }
    members.remove("content");
    Value::Object(members)
}
