//! Rows that are written together with the events that they follow from.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::ids::TenantId;
use crate::domain::stream::StreamState;
use crate::vault::{Purpose, Vault};

/// A row of an inline projection: written in the append's own transaction, a function of its own stream alone.
#[derive(Clone, Debug, PartialEq)]
pub struct InlineRow {
    pub projection: &'static str,
    pub id: Uuid,
    pub tenant: Option<TenantId>,
    /// the stream's version that it was folded at
    pub version: u32,
    /// what the row says, in canonical bytes; macked together with the members above
    pub record: Vec<u8>,
    /// The personal name that the record points to. It is no part of the row, so that it can be erased; a mac binds it.
    pub name: Option<String>,
    /// the columns that queries need, every one of them, by their names
    pub facts: Value,
}

impl InlineRow {
    /// As it is stored: the row's mac, and behind it the name's, if there is one.
    pub fn mac(&self, vault: &Vault) -> Vec<u8> {
        let (tenant, version) =
            (self.tenant.map_or(Uuid::nil(), |tenant| tenant.0), self.version.to_be_bytes());
        let parts = Self::mac_parts(self.projection, &self.id, &tenant, &version, &self.record);
        let mut mac = vault.mac(Purpose::Row, &parts).to_vec();
        if let Some(name) = &self.name {
            let of_name = vault.mac(Purpose::Name, &[&mac, name.as_bytes()]);
            mac.extend_from_slice(&of_name);
        }
        mac
    }

    /// The facts as PostgreSQL reads a value of the projection's type of them: in the order of their names.
    pub fn facts_text(&self) -> String {
        row_text(&self.facts)
    }

    /// What the row's mac is over.
    pub fn mac_parts<'a>(
        projection: &'a str,
        id: &'a Uuid,
        tenant: &'a Uuid,
        version: &'a [u8; 4],
        record: &'a [u8],
    ) -> [&'a [u8]; 5] {
        [projection.as_bytes(), id.as_bytes(), tenant.as_bytes(), version, record]
    }
}

/// What the ledger knows of the projections that are written with the append.
pub trait Inline: Send + Sync {
    /// The rows that changed since `version` of the stream, given its state now.
    fn rows(&self, after: &StreamState, since: u32) -> Vec<InlineRow>;
}

/// Facts as PostgreSQL reads a value of a type of them: in the order of their names.
pub fn row_text(facts: &Value) -> String {
    let mut text = String::from("(");
    for (place, fact) in facts.as_object().into_iter().flat_map(Map::values).enumerate() {
        if place > 0 {
            text.push(',');
        }
        match fact {
            Value::Null => {}
            Value::String(fact) => write_quoted(fact, &mut text),
            Value::Array(items) => write_quoted(&array_text(items), &mut text),
            fact => text.push_str(&fact.to_string()),
        }
    }
    text.push(')');
    text
}

fn array_text(items: &[Value]) -> String {
    let mut text = String::from("{");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        match item {
            Value::String(item) => write_quoted(item, &mut text),
            item => text.push_str(&item.to_string()),
        }
    }
    text.push('}');
    text
}

/// Quoted as both a member of a composite value and an element of an array may be.
fn write_quoted(plain: &str, text: &mut String) {
    text.push('"');
    for character in plain.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_are_told_in_the_order_of_their_names_and_quoted() {
        let row = |facts| InlineRow {
            projection: "p",
            id: Uuid::nil(),
            tenant: None,
            version: 1,
            record: Vec::new(),
            name: None,
            facts,
        };
        let facts =
            json!({"c": null, "b": [r#"a "b" \\,)"#, "null"], "a": 1, "d": "x,(y)\"", "e": true, "f": []});
        assert_eq!(
            row(facts).facts_text(),
            r#"(1,"{\"a \\\"b\\\" \\\\\\\\,)\",\"null\"}",,"x,(y)\"",true,"{}")"#
        );
        assert_eq!(row(json!({})).facts_text(), "()");
    }
}
