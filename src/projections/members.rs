//! One row a member.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::member::Member;
use crate::domain::scope::Scope;
use crate::ledger::InlineRow;

pub const NAME: &str = "members";
const VERSION: u8 = 1;

/// What the view needs of a member. Who it is stands in its events alone.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRecord {
    pub disabled: bool,
    pub scopes: Vec<Scope>,
}

pub fn row(member: &Member) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: member.id.0,
        tenant: Some(member.tenant),
        version: member.history.events,
        record: MemberRecord::of(member).encode(),
        name: None,
        facts: json!({
            "disabled": member.disabled_at.is_some(),
            "name_version": member.name_since,
        }),
    }
}

impl MemberRecord {
    fn of(member: &Member) -> Self {
        MemberRecord { disabled: member.disabled_at.is_some(), scopes: member.scopes.clone() }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 32);
        out.flags([self.disabled]);
        out.count(self.scopes.len());
        for scope in &self.scopes {
            out.text(scope.as_str());
        }
        out.0
    }

    pub fn decode(record: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [disabled] = reader.flags()?;
        let mut scopes = Vec::new();
        for _ in 0..reader.count()? {
            scopes.push(Scope::parse(reader.text()?).map_err(|_| BadRecord("a scope is none"))?);
        }
        reader.end()?;
        Ok(MemberRecord { disabled, scopes })
    }
}
