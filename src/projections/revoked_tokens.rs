//! One row an access token that was revoked by itself, under its stream's id. After the token's own end nobody reads it.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::clock::Timestamp;
use crate::domain::access_token::{self, AccessToken};
use crate::domain::ids::CredentialId;
use crate::ledger::InlineRow;

pub const NAME: &str = "revoked_tokens";
const VERSION: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedTokenRecord {
    pub credential: CredentialId,
    pub ends_at: Timestamp,
}

pub fn row(token: &AccessToken) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: access_token::stream(token.credential, token.id).0,
        tenant: Some(token.tenant),
        version: token.history.events,
        record: RevokedTokenRecord { credential: token.credential, ends_at: token.ends_at }.encode(),
        name: None,
        facts: json!({"ends_at_ms": token.ends_at.millis()}),
    }
}

impl RevokedTokenRecord {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 25);
        out.uuid(self.credential.0);
        out.instant(Some(self.ends_at));
        out.0
    }

    pub fn decode(record: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let credential = CredentialId(reader.uuid()?);
        let ends_at = reader.instant()?.ok_or(BadRecord("its token has no end"))?;
        reader.end()?;
        Ok(RevokedTokenRecord { credential, ends_at })
    }
}
