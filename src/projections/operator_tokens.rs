//! One row an operator's token.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use super::secrets::{DigestHalf, half};
use crate::clock::Timestamp;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Operator, Token};
use crate::ledger::InlineRow;

pub const NAME: &str = "operator_tokens";
const VERSION: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    pub operator: OperatorId,
    pub revoked: bool,
    pub expires_at: Timestamp,
    pub digest: DigestHalf,
}

/// The rows of the tokens that changed after `since`.
pub fn rows(operator: &Operator, since: u32) -> impl Iterator<Item = InlineRow> {
    operator.tokens.iter().filter(move |token| token.changed > since).map(|token| InlineRow {
        projection: NAME,
        id: token.facts.id.0,
        tenant: None,
        version: token.changed,
        record: TokenRecord::of(operator.id, token).encode(),
        name: None,
        facts: json!({"operator_id": operator.id, "prefix": token.facts.prefix}),
    })
}

impl TokenRecord {
    fn of(operator: OperatorId, token: &Token) -> Self {
        TokenRecord {
            operator,
            revoked: token.revoked_at.is_some(),
            expires_at: token.expires_at,
            digest: half(&token.facts.digest),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 42);
        out.flags([self.revoked]);
        out.uuid(self.operator.0);
        out.instant(Some(self.expires_at));
        out.bytes(&self.digest);
        out.0
    }

    pub fn decode(record: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [revoked] = reader.flags()?;
        let operator = OperatorId(reader.uuid()?);
        let expires_at = reader.instant()?.ok_or(BadRecord("a token has an end"))?;
        let digest = reader.take()?;
        reader.end()?;
        Ok(TokenRecord { operator, revoked, expires_at, digest })
    }
}
