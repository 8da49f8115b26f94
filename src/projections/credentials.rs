//! One row a credential: the view's record, and the columns that lists and housekeeping go by.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use super::millis;
use super::policy::Policy;
use crate::clock::Timestamp;
use crate::domain::credential::Credential;
use crate::domain::ids::MemberId;
use crate::ledger::InlineRow;

pub const NAME: &str = "credentials";
const VERSION: u8 = 1;

/// What the view needs of a credential. Its name is personal: the record only says which event's row holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialRecord<'a> {
    pub suspended: bool,
    pub revoked: bool,
    pub expires_at: Option<Timestamp>,
    pub name_version: u32,
    pub owner: Option<MemberId>,
    /// as [`Policy::encode`] writes it
    pub policy: &'a [u8],
}

pub fn row(credential: &Credential) -> InlineRow {
    let policy = Policy::of(credential);
    InlineRow {
        projection: NAME,
        id: credential.id.0,
        tenant: Some(credential.tenant),
        version: credential.history.events,
        record: CredentialRecord::of(credential, &policy.encode()).encode(),
        name: credential.name.value.known().cloned(),
        facts: json!({
            "created_at_ms": credential.created_at.millis(),
            "description_version": credential.description.since,
            "expires_at_ms": millis(credential.expires_at),
            "kind": credential.kind().word(),
            "suspended": credential.suspended_at.is_some(),
            "revoked": credential.revoked.is_some(),
            "ended_at_ms": millis(credential.revoked.as_ref().map(|revocation| revocation.at)),
            "scopes": credential.scopes,
            "name_version": credential.name.since,
            "owner_id": credential.owner,
            "quiet_from_ms": millis(credential.quiet_from()),
            "due_at_ms": millis(credential.due_at()),
            "warnable_from_ms": millis(credential.warnable_from()),
        }),
    }
}

impl<'a> CredentialRecord<'a> {
    fn of(credential: &Credential, policy: &'a [u8]) -> Self {
        CredentialRecord {
            suspended: credential.suspended_at.is_some(),
            revoked: credential.revoked.is_some(),
            expires_at: credential.expires_at,
            name_version: credential.name.since,
            owner: credential.owner,
            policy,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 30 + self.policy.len());
        out.flags([self.suspended, self.revoked, self.owner.is_some()]);
        out.instant(self.expires_at);
        out.u32(self.name_version);
        if let Some(owner) = self.owner {
            out.uuid(owner.0);
        }
        out.bytes(self.policy);
        out.0
    }

    /// The policy's bytes are read by [`Policy::decode`], once for each policy there is.
    pub fn decode(record: &'a [u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [suspended, revoked, owned] = reader.flags()?;
        let (expires_at, name_version) = (reader.instant()?, reader.u32()?);
        let owner = if owned { Some(MemberId(reader.uuid()?)) } else { None };
        Ok(CredentialRecord { suspended, revoked, expires_at, name_version, owner, policy: reader.rest() })
    }
}
