use std::sync::LazyLock;

use credledger::clock::Timestamp;
use credledger::domain::canonical;
use credledger::domain::credential::{CredentialEvent, Edited, Kind, Reason, Revoked};
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::{StreamId, TenantId};
use credledger::domain::personal::Personal;
use credledger::ledger::entry;
use serde_json::Value;
use uuid::Uuid;

use crate::engine::Target;

const LEDGER: i32 = 1;

#[test]
fn an_entry_is_read_as_it_was_written_or_refused() {
    Target {
        name: "entry",
        corpus: &CORPUS,
        dictionary: &[
            b"\x01\0\0\0\x01",
            b"{}",
            b"{\"reason\":\"leaked\"}",
            b"\"note\":null",
            b"\"client_ip\":",
            b"\x0fapi_key.revoked",
            b"\x0eapi_key.edited",
            b"\xff",
            b"\0",
            b"}",
        ],
        check: check_entry,
    }
    .run();
}

static CORPUS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let note = Some(Personal::Known("a note".to_owned()));
    let edited = Edited { name: Some(Personal::Known("ci".to_owned())), ..Edited::default() };
    [
        CredentialEvent::Revoked(Revoked { reason: Reason::Leaked, note }),
        CredentialEvent::Revoked(Revoked { reason: Reason::Other, note: None }),
        CredentialEvent::Edited(edited),
    ]
    .into_iter()
    .map(|event| &*entry::encode(LEDGER, &recorded(event), &mut || [1; 16]).unwrap().entry.leak())
    .collect()
});

fn recorded(event: CredentialEvent) -> Recorded {
    Recorded {
        stream: StreamId(Uuid::from_bytes([2; 16])),
        version: 3,
        tenant: Some(TenantId(Uuid::from_bytes([4; 16]))),
        at: Timestamp::default(),
        actor: Actor::System,
        client_ip: Some(Personal::Known([192, 0, 2, 7].into())),
        request_id: "fuzz".to_owned(),
        event: Event::Credential(Kind::ApiKey, event),
    }
}

/// Whatever is read says the same when it is written again: personal values aside, which are not in the bytes.
fn check_entry(input: &[u8]) -> bool {
    let nothing = entry::StoredSlots::default();
    assert!(entry::decode(LEDGER + 1, input, &nothing).is_err() || !input.starts_with(&[1, 0, 0, 0, 1]));
    let Ok(read) = entry::decode(LEDGER, input, &nothing) else { return false };
    assert!(input.starts_with(&[1, 0, 0, 0, 1]) && input.ends_with(b"}"));
    let written = entry::encode(LEDGER, &read, &mut || [1; 16]).unwrap().entry;
    let again = entry::decode(LEDGER, &written, &nothing).unwrap();
    let erased = Recorded { client_ip: None, ..read.clone() };
    assert_eq!(Recorded { client_ip: None, ..again }, erased, "{read:?}");
    assert_eq!(read.client_ip.is_some(), read.client_ip == Some(Personal::Erased));
    true
}

#[test]
fn canonical_json_is_one_text_for_one_value() {
    Target {
        name: "canonical",
        corpus: &[
            b"{\"b\":[1,-2,null,true,{\"x\":{}}],\"a\":\"\\u00e9\\n\"}",
            b"[1e16,-0.0,31.245270191439438,5e-324,18446744073709551615]",
            b"\"\\ud83d\\ude00\\u0000\\\"\"",
        ],
        dictionary: &[
            b"e", b"E+", b".", b"-", b"0", b"\\u", b"\"", b"{", b"}", b"[", b"]", b":", b",", b"1e308",
        ],
        check: check_canonical,
    }
    .run();
}

fn check_canonical(input: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return false };
    let text = canonical::text(&value);
    let again: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(canonical::text(&again), text, "one text for one value");
    // As serde_json itself spells it, which is another spelling of the same value.
    let spelt: Value = serde_json::from_str(&value.to_string()).unwrap();
    assert_eq!(canonical::text(&spelt), text, "{value}");
    let blanks = text.iter().filter(|byte| byte.is_ascii_whitespace()).count();
    assert!(blanks == 0 || text.contains(&b'"'), "no blanks but in texts");
    true
}
