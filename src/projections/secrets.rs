//! One row a secret. Of its digest the record holds the first half, which is what the view compares.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use super::millis;
use crate::clock::Timestamp;
use crate::domain::credential::{Credential, Secret};
use crate::domain::ids::CredentialId;
use crate::domain::secret::Digest;
use crate::ledger::InlineRow;

pub const NAME: &str = "secrets";
const VERSION: u8 = 1;

/// Half of an HMAC-SHA-256: 128 bits.
pub type DigestHalf = [u8; 16];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretRecord<'a> {
    pub credential: CredentialId,
    pub revoked: bool,
    /// housekeeping has said that its window is over
    pub end_recorded: bool,
    pub ends_at: Option<Timestamp>,
    pub digest: DigestHalf,
    pub prefix: &'a str,
}

/// The rows of the secrets that changed after `since`.
pub fn rows(credential: &Credential, since: u32) -> impl Iterator<Item = InlineRow> {
    credential.secrets.iter().filter(move |secret| secret.changed > since).map(|secret| InlineRow {
        projection: NAME,
        id: secret.facts.id.0,
        tenant: Some(credential.tenant),
        version: secret.changed,
        record: SecretRecord::of(credential.id, secret).encode(),
        name: None,
        facts: json!({
            "credential_id": credential.id,
            "prefix": secret.facts.prefix,
            "ends_at_ms": millis(secret.ends_at),
        }),
    })
}

pub fn half(digest: &Digest) -> DigestHalf {
    std::array::from_fn(|place| digest.bytes()[place])
}

impl<'a> SecretRecord<'a> {
    fn of(credential: CredentialId, secret: &'a Secret) -> Self {
        SecretRecord {
            credential,
            revoked: secret.revoked_at.is_some(),
            end_recorded: secret.end_recorded,
            ends_at: secret.ends_at,
            digest: half(&secret.facts.digest),
            prefix: &secret.facts.prefix,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 44 + self.prefix.len());
        out.flags([self.revoked, self.end_recorded]);
        out.uuid(self.credential.0);
        out.instant(self.ends_at);
        out.bytes(&self.digest);
        out.text(self.prefix);
        out.0
    }

    pub fn decode(record: &'a [u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [revoked, end_recorded] = reader.flags()?;
        let credential = CredentialId(reader.uuid()?);
        let (ends_at, digest, prefix) = (reader.instant()?, reader.take()?, reader.text()?);
        reader.end()?;
        Ok(SecretRecord { credential, revoked, end_recorded, ends_at, digest, prefix })
    }
}
