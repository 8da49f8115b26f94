//! What lists of credentials went by at any moment: of each credential the periods in which that stayed as it was
//! (docs/decisions/0036-what-was-valid.md).

pub mod by_clock;
pub mod find;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::behind::{Behind, Step};
use crate::clock::Timestamp;
use crate::domain::credential::Credential;
use crate::vault::Vault;

pub const NAME: &str = "validity";

pub const BEHIND: Behind =
    Behind { name: NAME, apply: "select credledger.apply_validity($1, $2, $3, $4)", rows };

/// What lists filter by; kind and tenant never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub description_version: u32,
    pub name_version: u32,
    pub owner: Option<Uuid>,
    pub revoked: bool,
    pub scopes: Vec<String>,
    pub suspended: bool,
}

impl Listed {
    pub fn of(credential: &Credential) -> Self {
        Listed {
            created_at_ms: credential.created_at.millis(),
            expires_at_ms: credential.expires_at.map(|end| end.millis()),
            description_version: credential.description.since,
            name_version: credential.name.since,
            owner: credential.owner.map(|owner| owner.0),
            revoked: credential.revoked.is_some(),
            scopes: credential.scopes.iter().map(ToString::to_string).collect(),
            suspended: credential.suspended_at.is_some(),
        }
    }
}

/// One where a period begins. What the clock will do is of the period, too.
fn rows(_: &Vault, step: &Step<'_>) -> Vec<Value> {
    let (before, after) = step.states();
    let Some(credential) = after.credential() else { return Vec::new() };
    let (listed, ends) = (Listed::of(credential), ends(credential));
    let stays =
        before.credential().is_some_and(|before| Listed::of(before) == listed && self::ends(before) == ends);
    if stays {
        return Vec::new();
    }
    vec![json!({
        "created_at_ms": listed.created_at_ms,
        "credential_id": credential.id,
        "description_version": listed.description_version,
        "ends_ms": ends,
        "expires_at_ms": listed.expires_at_ms,
        "from_position": step.event.position,
        "kind": credential.kind().word(),
        "name_version": listed.name_version,
        "owner_id": listed.owner,
        "revoked": listed.revoked,
        "scopes": listed.scopes,
        "suspended": listed.suspended,
        "tenant_id": credential.tenant,
    })]
}

/// When the clock alone will change what is told of it: windows of its secrets, its expiry, and the half of its life, from which on it
/// may be expiring however long its tenant's window is.
fn ends(credential: &Credential) -> BTreeSet<i64> {
    let windows = credential.secrets.iter().filter(|secret| secret.revoked_at.is_none());
    let windows = windows.filter_map(|secret| secret.ends_at);
    let own = [credential.expires_at, credential.half_life()].into_iter().flatten();
    let own = own.filter(|_| credential.revoked.is_none());
    windows.chain(own).map(Timestamp::millis).collect()
}
