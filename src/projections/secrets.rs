//! One row a secret. Of its digest the record holds the first half, which is what the view compares.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use super::millis;
use crate::clock::Timestamp;
use crate::domain::credential::{Credential, Foreign, Secret, SecretFacts};
use crate::domain::ids::CredentialId;
use crate::domain::imports::Side;
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
    pub form: Form<'a>,
}

/// Whose secret it is, and so what it is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// of a key of ours: by how it begins
    Key,
    /// of a key from elsewhere: by its digest
    Foreign(ForeignRecord<'a>),
    /// of a client: by its digest, which is of the client's id too; for a token, by its own id
    Client,
}

impl<'a> Form<'a> {
    pub fn of(facts: &SecretFacts, foreign: Option<&'a Foreign>) -> Self {
        match foreign {
            Some(foreign) => Form::Foreign(ForeignRecord::from(foreign)),
            None if facts.client_id.is_some() => Form::Client,
            None => Form::Key,
        }
    }
}

/// Of an imported key: what leads from a text to its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignRecord<'a> {
    /// the prefix of its format
    pub format: &'a str,
    pub salt: Option<SaltRecord<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltRecord<'a> {
    pub side: Side,
    pub start: &'a str,
    pub bytes: &'a [u8],
}

impl<'a> From<&'a Foreign> for ForeignRecord<'a> {
    fn from(foreign: &'a Foreign) -> Self {
        let salt = foreign.salt.as_ref();
        let salt = salt.map(|salt| SaltRecord { side: salt.side, start: &salt.start, bytes: &salt.bytes.0 });
        ForeignRecord { format: &foreign.format, salt }
    }
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
            "client_id": secret.facts.client_id,
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
            form: Form::of(&secret.facts, secret.foreign.as_ref()),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 44 + self.prefix.len());
        let foreign = if let Form::Foreign(foreign) = self.form { Some(foreign) } else { None };
        let salt = foreign.and_then(|foreign| foreign.salt);
        let before = salt.is_some_and(|salt| salt.side == Side::Before);
        let of_client = self.form == Form::Client;
        out.flags([self.revoked, self.end_recorded, foreign.is_some(), salt.is_some(), before, of_client]);
        out.uuid(self.credential.0);
        out.instant(self.ends_at);
        out.bytes(&self.digest);
        out.text(self.prefix);
        if let Some(foreign) = foreign {
            out.text(foreign.format);
        }
        if let Some(salt) = salt {
            out.text(salt.start);
            out.bytes(salt.bytes);
        }
        out.0
    }

    pub fn decode(record: &'a [u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [revoked, end_recorded, foreign, salted, before, of_client] = reader.flags()?;
        let credential = CredentialId(reader.uuid()?);
        let (ends_at, digest, prefix) = (reader.instant()?, reader.take()?, reader.text()?);
        let form = match (foreign, of_client) {
            (true, false) => Form::Foreign(ForeignRecord::decode(&mut reader, salted.then_some(before))?),
            (false, _) if salted || before => return Err(BadRecord("a key of our own has no salt")),
            (true, true) => return Err(BadRecord("a client's secret is none from elsewhere")),
            (false, true) => Form::Client,
            (false, false) => Form::Key,
        };
        reader.end()?;
        Ok(SecretRecord { credential, revoked, end_recorded, ends_at, digest, prefix, form })
    }
}

impl<'a> ForeignRecord<'a> {
    /// `salted`: whether its salt stands before the key; none: it has none.
    fn decode(reader: &mut Reader<'a>, salted: Option<bool>) -> Result<Self, BadRecord> {
        let format = reader.text()?;
        let Some(before) = salted else { return Ok(ForeignRecord { format, salt: None }) };
        let side = if before { Side::Before } else { Side::After };
        let start = reader.text()?;
        Ok(ForeignRecord { format, salt: Some(SaltRecord { side, start, bytes: reader.rest() }) })
    }
}
