//! An event in an answer: who, when, from where, and what it changed. A value that was erased reads `{"erased": true}`, which is
//! neither null (there was none) nor absent (it did not change).

use serde_json::{Map, Value, json};

use super::{Names, actor, erased, shown};
use crate::domain::event::Event;
use crate::domain::ids::TenantId;
use crate::domain::operator::Reach;
use crate::domain::shown::tenants_seen;
use crate::http::export::Column;
use crate::projections::trail::family;
use crate::projections::trail::told::Told;

/// Of a table of events, in this order for good; a new one is added at the end.
pub const COLUMNS: &[Column] = &[
    Column::of(&["position"]),
    Column::of(&["type"]),
    Column::of(&["at"]),
    Column::of(&["tenant_id"]),
    Column::within("subject_kind", &["subject", "kind"]),
    Column::within("subject_id", &["subject", "id"]),
    Column::within("subject_name", &["subject", "name"]),
    Column::of(&["version"]),
    Column::within("actor_kind", &["actor", "kind"]),
    Column::within("actor_id", &["actor", "id"]),
    Column::within("actor_name", &["actor", "name"]),
    Column::of(&["client_ip"]),
    Column::of(&["request_id"]),
    Column::of(&["changes"]),
    Column::of(&["data"]),
];

pub fn event(told: &Told, names: Names<'_>) -> Value {
    let recorded = &told.event.recorded;
    let kind = recorded.event.kind().name;
    let changes = told
        .changes
        .iter()
        .map(|change| (change.member.clone(), json!({"from": shown(&change.from), "to": shown(&change.to)})));
    json!({
        "position": told.event.position,
        "type": kind,
        "at": recorded.at,
        "tenant_id": recorded.tenant,
        "subject": {"kind": family(kind), "id": told.subject, "name": name(told)},
        "version": told.shown_version,
        "actor": actor(recorded.actor, names(recorded.actor)),
        "client_ip": recorded.client_ip.as_ref().map(shown),
        "request_id": recorded.request_id,
        "changes": changes.collect::<Map<_, _>>(),
        "data": data(told),
    })
}

/// The one that a person gave it, or the one that it is found by.
fn name(told: &Told) -> Value {
    match (&told.name, &told.event.recorded.event) {
        (Some(name), _) => shown(name),
        (None, Event::Plan(crate::domain::plan::PlanEvent::Set(set))) => json!(set.name),
        (None, Event::Imports(crate::domain::imports::ImportsEvent::Declared(declared))) => {
            json!(declared.prefix)
        }
        (None, _) => Value::Null,
    }
}

/// The event's own members. A secret's digest is the ledger's business, and so is whatever is sealed: in answers a secret is its id
/// and prefix, and of an imported one how its digest was made.
fn data(told: &Told) -> Value {
    let recorded = &told.event.recorded;
    let mut members = recorded.event.members();
    for secret in ["secret", "token"] {
        if let Some(Value::Object(secret)) = members.get_mut(secret) {
            secret.retain(|name, _| matches!(&**name, "id" | "client_id" | "prefix" | "format" | "scheme"));
        }
    }
    if let Some(Value::Object(scheme)) = members.get_mut("scheme") {
        scheme.retain(|name, _| matches!(&**name, "algorithm" | "side" | "start_chars"));
    }
    for digest in ["content", "identity", "address"] {
        members.remove(digest);
    }
    for member in recorded.event.kind().personal {
        if let Some(gone) = members.get_mut(*member).filter(|value| value.is_null()) {
            *gone = erased();
        }
    }
    // A tenant sees of an operator's tenants itself alone.
    let seen_by = told.tenant.filter(|_| recorded.tenant.is_none());
    if let (Some(seen_by), Some(reach)) = (seen_by, members.get_mut("reach")) {
        trim(reach, seen_by);
    }
    Value::Object(members)
}

fn trim(reach: &mut Value, seen_by: TenantId) {
    if let Ok(read @ Reach::Tenants(_)) = serde_json::from_value::<Reach>(reach.clone()) {
        *reach = json!({"tenants": tenants_seen(&read, Some(seen_by))});
    }
}
