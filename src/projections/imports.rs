//! One row in all: what was declared of keys from elsewhere, which the view tells their texts by.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::imports::{ForeignPrefix, Imports, stream};
use crate::ledger::InlineRow;

pub const NAME: &str = "imports";
const VERSION: u8 = 1;

pub fn row(imports: &Imports) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: stream().0,
        tenant: None,
        version: imports.history.events,
        record: encode(&imports.prefixes),
        name: None,
        facts: json!({"prefixes": imports.prefixes.len()}),
    }
}

fn encode(prefixes: &[ForeignPrefix]) -> Vec<u8> {
    let mut out = Writer::new(VERSION, 256);
    let text = serde_json::to_vec(prefixes).unwrap_or_else(|cause| panic!("plain members: {cause}"));
    out.bytes(&text);
    out.0
}

pub fn decode(record: &[u8]) -> Result<Vec<ForeignPrefix>, BadRecord> {
    let mut reader = Reader::new(VERSION, record)?;
    serde_json::from_slice(reader.rest()).map_err(|_| BadRecord("what was declared can't be read"))
}
