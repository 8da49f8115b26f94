//! The trail: each event as auditors find it, in the feed of the platform and in the trail of each tenant that it concerns
//! (docs/decisions/0027-the-trail.md).

pub mod find;
pub mod told;
pub mod touched;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::behind::{Behind, Step};
use crate::domain::canonical;
use crate::domain::event::{Actor, CLIENT_IP, Event};
use crate::domain::ids::TenantId;
use crate::domain::imports::ImportsEvent;
use crate::domain::operator::{OperatorEvent, Reach};
use crate::domain::personal::Personal;
use crate::domain::shown;
use crate::domain::stream::StreamState;
use crate::vault::{Purpose, Vault};

pub const NAME: &str = "trail";

pub const BEHIND: Behind =
    Behind { name: NAME, apply: "select credledger.apply_trail($1, $2, $3, $4)", rows };

/// A member of `changes`: what it was and is, or where that stands which a person typed.
type Changes = Map<String, Value>;

/// What a row says beyond its event, and its mac binds.
pub struct Bound<'a> {
    pub tenant: Option<TenantId>,
    pub position: u64,
    pub stream: Uuid,
    pub version: u32,
    pub shown_version: u32,
    pub name_version: Option<u32>,
    pub changes: Option<&'a str>,
}

impl Bound<'_> {
    pub fn with_parts<T>(&self, of: impl FnOnce(&[&[u8]]) -> T) -> T {
        let tenant = self.tenant.map_or(Uuid::nil(), |tenant| tenant.0);
        of(&[
            NAME.as_bytes(),
            tenant.as_bytes(),
            &self.position.to_be_bytes(),
            self.stream.as_bytes(),
            &self.version.to_be_bytes(),
            &self.shown_version.to_be_bytes(),
            &self.name_version.unwrap_or(0).to_be_bytes(),
            self.changes.unwrap_or_default().as_bytes(),
        ])
    }
}

fn rows(vault: &Vault, step: &Step<'_>) -> Vec<Value> {
    let own = step.event.recorded.tenant;
    let mut rows = vec![row(vault, step, own, false)];
    rows.extend(concerned(step).into_iter().map(|tenant| row(vault, step, Some(tenant), true)));
    rows
}

fn row(vault: &Vault, step: &Step<'_>, tenant: Option<TenantId>, is_copy: bool) -> Value {
    let (recorded, position) = (&step.event.recorded, step.event.position);
    let kind = recorded.event.kind().name;
    let changes = changes(step, tenant.filter(|_| is_copy));
    let changes = (!changes.is_empty()).then(|| canonical::string(&Value::Object(changes)));
    let name_version = step.after.since.get("name").copied();
    let shown_version = u32::try_from(step.after.state.people_version()).unwrap_or(u32::MAX);
    let bound = Bound {
        tenant,
        position,
        stream: recorded.stream.0,
        version: recorded.version,
        shown_version,
        name_version,
        changes: changes.as_deref(),
    };
    let mac = bound.with_parts(|parts| vault.mac(Purpose::Row, parts));
    let client_ip = recorded.client_ip.as_ref().and_then(Personal::known);
    // By what an address is found goes with the address, and only once: with the event's own row.
    let erased = recorded.erased().filter(|erased| !is_copy && erased.erases(CLIENT_IP));
    json!({
        "actor_id": actor_id(recorded.actor),
        "at_ms": recorded.at.millis(),
        "changes": changes,
        "client_ip": client_ip,
        "erased_first": erased.map(|erased| erased.first_version),
        "erased_last": erased.map(|erased| erased.last_version),
        "erased_of": erased.map(|erased| erased.subject.id),
        "family": family(kind),
        "is_copy": is_copy,
        "mac": hexadecimal(&mac),
        "name_version": name_version,
        "position": position,
        "shown_version": shown_version,
        "stream_id": recorded.stream.0,
        "subject_id": shown::subject(recorded),
        "tenant_id": tenant,
        "type": kind,
        "version": recorded.version,
    })
}

/// Of its type, what stands before the dot.
pub fn family(kind: &'static str) -> &'static str {
    kind.split('.').next().unwrap_or_default()
}

/// By what an actor is found; the service itself by zeros.
pub fn actor_id(actor: Actor) -> Uuid {
    match actor {
        Actor::Operator(id) => id.0,
        Actor::Holder(id) => id,
        Actor::System => Uuid::nil(),
    }
}

/// Of an event of the platform: in whose trails it stands. An operator of all tenants is the platform's own.
fn concerned(step: &Step<'_>) -> BTreeSet<TenantId> {
    match &step.event.recorded.event {
        Event::Imports(ImportsEvent::Declared(declared)) => BTreeSet::from([declared.tenant_id]),
        Event::Operator(event) => {
            let (before, after) = step.states();
            let (before, after) = (reached(before), reached(after));
            match event {
                // Whom it was given or taken from; and where it stays, whether its role changed.
                OperatorEvent::Assigned(_) if role(step.before) == role(step.after) => {
                    before.symmetric_difference(&after).copied().collect()
                }
                _ => before.union(&after).copied().collect(),
            }
        }
        _ => BTreeSet::new(),
    }
}

fn role(folded: &super::behind::Folded) -> Option<crate::domain::authority::Role> {
    folded.state.operator().map(|operator| operator.role)
}

fn reached(state: &StreamState) -> BTreeSet<TenantId> {
    match state.operator().map(|operator| &operator.reach) {
        Some(Reach::Tenants(tenants)) => tenants.clone(),
        Some(Reach::All) | None => BTreeSet::new(),
    }
}

/// What the event changed; nothing of a stream's first, which says all of it.
fn changes(step: &Step<'_>, seen_by: Option<TenantId>) -> Changes {
    let recorded = &step.event.recorded;
    if recorded.version == 1 {
        return Changes::new();
    }
    let (before, after) = step.states();
    let mut changes = changed(&shown::plain(before, seen_by), shown::plain(after, seen_by));
    for member in shown::sets(recorded) {
        changes.insert(member.to_owned(), json!(step.before.since.get(member)));
    }
    changes
}

/// `{member: [before, after]}` of what differs.
pub fn changed(before: &Map<String, Value>, after: Map<String, Value>) -> Changes {
    let differing = after.into_iter().filter(|(name, value)| before.get(name) != Some(value));
    let pair = |(name, value): (String, Value)| {
        let from = before.get(&name).cloned().unwrap_or(Value::Null);
        (name, json!([from, value]))
    };
    differing.map(pair).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::from("\\x"), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
