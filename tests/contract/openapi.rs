//! The API document is whole, agrees with itself, and says what the code does.

use credledger::http::openapi::document;
use serde_json::Value;

#[path = "openapi/code.rs"]
mod code;
#[path = "openapi/json_schema_test.rs"]
mod json_schema_test;
#[path = "openapi/manners.rs"]
mod manners;
#[path = "openapi/pattern_test.rs"]
mod pattern_test;
#[path = "openapi/whole.rs"]
mod whole;

use crate::support::json_schema::Validator;

const URL: &str = "http://127.0.0.1:8080";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn api() -> Validator {
    Validator::new(serde_json::from_slice(&document(URL)).expect("the document is JSON"))
}

/// Every object and list of the document, with its place.
fn each_value(value: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(place, value);
    let step = |name: &str| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| each_value(value, &step(name), visit))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| each_value(value, &step(&at.to_string()), visit));
        }
        _ => {}
    }
}

struct Described<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

fn operations(api: &Validator) -> Vec<Described<'_>> {
    let paths = api.document()["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path item") {
            if METHODS.contains(&method.as_str()) {
                all.push(Described { method, path, operation });
            } else {
                assert_eq!(method, "parameters", "{path}");
            }
        }
    }
    all
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
