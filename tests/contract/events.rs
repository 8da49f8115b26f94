//! Registry, folders, schemas, examples and the code that reads and writes events say the same; and what was shipped stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use credledger::domain::base64url;
use credledger::domain::canonical;
use credledger::domain::event::{Kind, kinds};
use credledger::ledger::entry::{self, StoredSlots};
use credledger::vault::sha256;
use serde_json::{Map, Value, json};

use crate::support::json_schema::Validator;

const LEDGER: i32 = 1;
const SALT: [u8; 16] = [1; 16];
const COMMITMENT: &str = "#/$defs/commitment";
const DOC_BEGIN: &str = "<!-- events: checked by tests/contract/events.rs -->\n";
const DOC_END: &str = "<!-- end of events -->\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/events")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

fn schema(kind: &Kind) -> Value {
    json_of(&folder().join(kind.name).join(format!("v{}.json", kind.schema)))
}

fn example(kind: &Kind) -> Value {
    json_of(&folder().join(kind.name).join(format!("v{}.example.json", kind.schema)))
}

#[test]
fn every_event_has_a_folder_with_each_of_its_schemas_and_their_examples() {
    let registered: BTreeSet<String> = kinds().map(|kind| kind.name.to_owned()).collect();
    let folders: BTreeSet<String> = names(&folder()).into_iter().filter(|name| name != "FROZEN").collect();
    assert_eq!(registered, folders, "one folder for each event of domain::event::kinds(), and no other");
    for kind in kinds() {
        let expected = (1..=kind.schema)
            .flat_map(|number| [format!("v{number}.json"), format!("v{number}.example.json")])
            .collect();
        assert_eq!(
            names(&folder().join(kind.name)),
            expected,
            "{}: the newest is v{}",
            kind.name,
            kind.schema
        );
    }
}

#[test]
fn every_schema_is_closed_and_names_the_personal_members_of_the_registry() {
    for kind in kinds() {
        let schema = schema(kind);
        assert_eq!(schema["title"], kind.name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{}", kind.name);
        assert_closed(&schema, kind.name);
        let members = schema["properties"].as_object().expect("members");
        let committed = members.iter().filter(|(_, member)| member["$ref"] == COMMITMENT);
        let committed: Vec<&str> =
            committed.map(|(name, _)| name.as_str()).filter(|name| *name != "client_ip").collect();
        assert_eq!(committed, kind.personal, "{}: what is stored as a salted hash", kind.name);
        assert_eq!(members["client_ip"]["$ref"], COMMITMENT, "{}", kind.name);
    }
}

fn assert_closed(schema: &Value, place: &str) {
    match schema {
        Value::Object(members) => {
            let closed = members.get("additionalProperties").is_some();
            assert!(closed || members.get("type") != Some(&json!("object")), "{place} is open: {schema}");
            members.iter().for_each(|(name, inner)| assert_closed(inner, &format!("{place}/{name}")));
        }
        Value::Array(items) => items.iter().for_each(|inner| assert_closed(inner, place)),
        _ => {}
    }
}

#[test]
fn every_example_fits_its_schema_and_a_strange_member_does_not() {
    for kind in kinds() {
        let (validator, example) = (Validator::new(schema(kind)), example(kind));
        assert_eq!(validator.check("#", &example), Ok(()), "{}", kind.name);
        let mut strange = example.clone();
        strange["strange"] = json!(1);
        assert!(validator.check("#", &strange).is_err(), "{} takes any member", kind.name);
        for required in schema(kind)["required"].as_array().expect("a list") {
            let mut without = example.clone();
            without.as_object_mut().expect("an object").remove(required.as_str().expect("a name"));
            assert!(validator.check("#", &without).is_err(), "{} without {required}", kind.name);
        }
    }
}

/// What stands behind the commitments of every example.
fn personal_value(member: &str) -> Value {
    match member {
        "metadata" => json!({"team": "payments"}),
        "client_ip" => json!("192.0.2.7"),
        other => json!(format!("example {other}")),
    }
}

fn personal_row(body: &Map<String, Value>, kind: &Kind) -> Value {
    let committed =
        kind.personal.iter().copied().chain(["client_ip"]).filter(|name| body.contains_key(*name));
    let salt = base64url::encode(&SALT);
    let row = committed.map(|name| (name.to_owned(), json!([salt, personal_value(name)])));
    Value::Object(row.collect())
}

/// The layout of docs/EVENTS.md, written down a second time.
fn entry_of(kind: &Kind, body: &Value) -> Vec<u8> {
    let request_id = b"example";
    let header: [&[u8]; 14] = [
        &[1],
        &LEDGER.to_be_bytes(),
        &[0xaa; 16],
        &7u32.to_be_bytes(),
        &[0xbb; 16],
        &1_800_000_000_123i64.to_be_bytes(),
        &[1],
        &[0xcc; 16],
        &kind.schema.to_be_bytes(),
        &[kind.name.len() as u8],
        kind.name.as_bytes(),
        &[request_id.len() as u8],
        request_id,
        &canonical::text(body),
    ];
    header.concat()
}

#[test]
fn every_example_is_read_and_written_again_byte_for_byte() {
    for kind in kinds() {
        let body = example(kind);
        let stored = entry_of(kind, &body);
        let slots = personal_row(body.as_object().expect("an object"), kind);
        let text = canonical::string(&slots);
        let kept = StoredSlots::read(Some(&text)).expect("the stored shape");
        let read = entry::decode(LEDGER, &stored, &kept).unwrap_or_else(|bad| panic!("{}: {bad}", kind.name));
        assert_eq!(read.event.kind(), kind);
        let written = entry::encode(LEDGER, &read, &mut || SALT).expect("small enough");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&written.entry), text(&stored), "{}", kind.name);
        assert_eq!(written.slots.to_json(), slots, "{}", kind.name);
    }
}

#[test]
fn what_was_shipped_stays_as_it_is() {
    let frozen = String::from_utf8(read(&folder().join("FROZEN"))).expect("UTF-8");
    let frozen: BTreeMap<&str, &str> = frozen
        .lines()
        .map(|line| {
            line.split_once("  ").map(|(digest, file)| (file, digest)).expect("digest, two blanks, file")
        })
        .collect();
    let mut there = BTreeSet::new();
    for kind in kinds() {
        for name in names(&folder().join(kind.name)) {
            let file = format!("{}/{name}", kind.name);
            let digest: String =
                sha256(&[&read(&folder().join(&file))]).iter().map(|byte| format!("{byte:02x}")).collect();
            match frozen.get(file.as_str()) {
                Some(shipped) => assert_eq!(
                    &digest, shipped,
                    "schema/events/{file} was changed, and ledgers hold events of it. Put it back, and add the new shape \
                     as the next number: a file vN.json beside it, `v N` in the family's table, and a reader of the old one."
                ),
                None => panic!(
                    "schema/events/{file} is new. Add this line to schema/events/FROZEN:\n{digest}  {file}"
                ),
            }
            there.insert(file);
        }
    }
    let gone: Vec<_> = frozen.keys().filter(|file| !there.contains(**file)).collect();
    assert!(gone.is_empty(), "{gone:?} are gone, and ledgers hold events of them. Put them back.");
}

/// The part of docs/EVENTS.md that follows from registry and schemas.
fn documented() -> String {
    let mut text = String::new();
    for kind in kinds() {
        let schema = schema(kind);
        let sentence = |name: &str| {
            schema[name].as_str().unwrap_or_else(|| panic!("{}: no {name}", kind.name)).to_owned()
        };
        let required = schema["required"].as_array().expect("a list");
        let members =
            schema["properties"].as_object().expect("members").keys().filter(|name| *name != "client_ip");
        let members: Vec<String> = members
            .map(|name| {
                let mark = if kind.personal.contains(&name.as_str()) { " (personal)" } else { "" };
                let maybe =
                    if required.contains(&json!(name)) { "" } else { ", when it changed or was given" };
                format!("`{name}`{mark}{maybe}")
            })
            .collect();
        let members = if members.is_empty() { "none".to_owned() } else { members.join(" · ") };
        let name = kind.name;
        let _ = write!(
            text,
            "### `{name}`\n{} [v{schema}](../schema/events/{name}/v{schema}.json), \
             [example](../schema/events/{name}/v{schema}.example.json)\n\n- Members: {members}\n- Caused by: {}\n\n",
            sentence("description"),
            sentence("x-caused-by"),
            schema = kind.schema,
        );
    }
    text
}

#[test]
fn the_page_of_events_tells_each_of_them() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/EVENTS.md");
    let text = String::from_utf8(read(&page)).expect("UTF-8");
    let told =
        text.split_once(DOC_BEGIN).and_then(|(_, rest)| rest.split_once(DOC_END)).map(|(told, _)| told);
    let expected = documented();
    assert!(
        told == Some(&expected),
        "docs/EVENTS.md does not say what registry and schemas say. Put this between its two marks:\n{expected}"
    );
}
