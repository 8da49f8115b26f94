//! One row in all: the keys that are published, which tokens are checked by.

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::signing_keys::{Keys, SigningKeys, stream};
use crate::ledger::InlineRow;

pub const NAME: &str = "signing_keys";
const VERSION: u8 = 1;

pub fn row(state: &SigningKeys) -> InlineRow {
    let published = state.keys.clone().without_ended();
    InlineRow {
        projection: NAME,
        id: stream().0,
        tenant: None,
        version: state.history.events,
        record: encode(&published),
        name: None,
        facts: json!({"published": published.all().count()}),
    }
}

fn encode(keys: &Keys) -> Vec<u8> {
    let mut out = Writer::new(VERSION, 1024);
    let text = serde_json::to_vec(keys).unwrap_or_else(|cause| panic!("plain members: {cause}"));
    out.bytes(&text);
    out.0
}

pub fn decode(record: &[u8]) -> Result<Keys, BadRecord> {
    let mut reader = Reader::new(VERSION, record)?;
    serde_json::from_slice(reader.rest()).map_err(|_| BadRecord("the signing keys can't be read"))
}
