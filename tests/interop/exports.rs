//! What is exported is read by a program that knows nothing of us, and comes to the same rows as the API's pages.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::programs::Program;
use crate::support::service::{Actor, Key, Service, Tenant, eventually, text};

const DUCKDB: Program = Program::Python(include_str!("libraries/duckdb_exports.py"));

/// Names and errors that tables trip over.
const NAMES: [&str; 9] = [
    "plain",
    "with, comma",
    "\"quoted\"",
    "=SUM(A1:A9)",
    "@home",
    "'already",
    "Ключ 🔑 地域",
    "back\\slash",
    "NULL",
];
const ERRORS: [&str; 4] = ["two\nlines, \"quoted\"", "-1 + 2", "\ttab first", "🔥 and 'this'"];

#[test]
fn duckdb_reads_the_trail_as_its_pages_tell_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let keys = eventful(&tenant);
    let erased = json!({"text": {"position": keys[0].minted["position"]}, "reason": "requested"});
    root.post(&format!("{}/erasures", tenant.path()), &erased).expect(201);
    let pages = root.walk(&format!("{}/audit?", tenant.path()), 20);
    assert!(pages.len() > 3 * NAMES.len(), "only {} events", pages.len());
    assert!(pages.iter().any(|event| event["subject"]["name"] == json!({"erased": true})), "one is erased");
    let told = read(&service, &root, &format!("{}/audit", tenant.path()));
    let columns = told["csv"]["types"].as_object().expect("columns");
    assert_eq!((&columns["position"], &columns["version"]), (&json!("BIGINT"), &json!("BIGINT")));
    are_the_pages(&told, &pages, trail_cell);
}

#[test]
fn duckdb_reads_calls_as_their_pages_tell_them() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let keys: Vec<_> = NAMES.iter().map(|name| tenant.mint(name)).collect();
    let calls: Vec<Value> = keys.iter().flat_map(calls_of).collect();
    let reported = gateway.post("/api/v1/activity", &json!({"calls": calls})).expect(200);
    assert_eq!(
        (reported["accepted"].as_u64(), &reported["rejected"]),
        (Some(calls.len() as u64), &json!([]))
    );
    gateway.verify_as(json!({"credential": keys[0].secret, "record": true, "call": {"provider": "p"}}));
    let erased = json!({"text": {"position": keys[1].minted["position"]}, "reason": "requested"});
    root.post(&format!("{}/erasures", tenant.path()), &erased).expect(201);
    let path = format!("{}/activity", tenant.path());
    // Whoever runs the tenant leaves no rows by reading.
    let admin = service.operator("org_admin", &[&tenant.id]);
    // What a verdict leaves shows a moment later.
    let pages =
        eventually(|| Some(admin.walk(&format!("{path}?"), 20)).filter(|rows| rows.len() > calls.len()));
    let pages = pages.expect("the verdict's row shows");
    let told = read(&service, &admin, &path);
    let columns = told["csv"]["types"].as_object().expect("columns");
    assert_eq!((&columns["status"], &columns["latency_ms"]), (&json!("BIGINT"), &json!("BIGINT")));
    are_the_pages(&told, &pages, |call, column| cell(&call[column]));
}

/// Everything about a credential that has a text of its own.
fn eventful<'a>(tenant: &Tenant<'a>) -> Vec<Key<'a>> {
    let life = |(number, name): (usize, &&str)| {
        let key = tenant
            .mint_with(json!({"name": name, "description": format!("{name}\nover two lines\t, \"so\"")}));
        key.edit(
            json!({"name": format!("{name} {number}"), "metadata": {"nested": {"list": [1, null, name]}}}),
        );
        key.edit(json!({"rate_limit": {"requests": 5, "per_seconds": 60}, "description": ""}));
        if number % 2 == 0 {
            key.revoke("superseded");
        }
        key
    };
    NAMES.iter().enumerate().map(life).collect()
}

/// With everything, and with as little as may be.
fn calls_of(key: &Key<'_>) -> Vec<Value> {
    let full = ERRORS.iter().enumerate().map(|(number, error)| {
        json!({"credential_id": key.id, "secret_id": key.minted["key"]["secrets"][0]["id"], "operation": format!("op, {number}"),
            "provider": "=p", "model": "m \"1\"", "status": 500 + number, "latency_ms": number, "error": error,
            "client_ip": "2001:db8::7", "request_id": format!("r{number}")})
    });
    full.chain([json!({"credential_id": key.id})]).collect()
}

/// What DuckDB makes of both forms, by the form.
fn read(service: &Service, actor: &Actor, path: &str) -> BTreeMap<&'static str, Value> {
    let files = ["csv", "ndjson"].map(|form| {
        let export = actor.get_caught_up(&format!("{path}?format={form}"));
        let file = service.folder().join(format!("export.{form}"));
        std::fs::write(&file, export.text()).expect("room");
        (form, file.display().to_string())
    });
    let asked: Vec<Value> = files.iter().map(|(form, file)| json!([file, form])).collect();
    let mut told = DUCKDB.run(&json!({"files": asked}));
    files.into_iter().map(|(form, file)| (form, told[file].take())).collect()
}

fn are_the_pages(
    told: &BTreeMap<&'static str, Value>,
    pages: &[Value],
    cell: impl Fn(&Value, &str) -> Option<String>,
) {
    for form in ["csv", "ndjson"] {
        assert_eq!(told[form]["count"], pages.len(), "{form}, each column as what it looks like");
        assert_eq!(told[form]["rows"].as_array().map(Vec::len), Some(pages.len()), "{form}");
    }
    let rows = |form: &str| told[form]["rows"].as_array().expect("rows").clone();
    for (row, page) in rows("ndjson").iter().zip(pages) {
        assert_eq!(without_nulls(row), without_nulls(page));
    }
    for (row, page) in rows("csv").iter().zip(pages) {
        for (column, read) in row.as_object().expect("a row") {
            assert_eq!(read.as_str().map(str::to_owned), cell(page, column), "{column} of {page}");
        }
    }
}

/// A table has every column in each row: what a row has not is null there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                there.map(|(name, value)| (name.clone(), without_nulls(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn trail_cell(event: &Value, column: &str) -> Option<String> {
    let within = column.split_once('_').filter(|(of, _)| ["subject", "actor"].contains(of));
    cell(match within {
        Some((of, member)) => &event[of][member],
        None => &event[column],
    })
}

/// As docs/AUDIT.md says of the table.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(told) if told.starts_with(['=', '+', '-', '@', '\t', '\r']) => Some(format!("'{told}")),
        Value::String(_) => Some(text(value)),
        other => Some(other.to_string()),
    }
}
