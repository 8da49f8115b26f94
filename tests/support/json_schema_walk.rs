//! The walk over a value and its schema, keyword by keyword.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Validator;
use super::pattern::Pattern;

/// Say something to people, and nothing about validity.
const ANNOTATIONS: [&str; 11] = [
    "description",
    "format",
    "default",
    "examples",
    "title",
    "x-caused-by",
    "$schema",
    "$id",
    "$defs",
    "contentMediaType",
    "contentSchema",
];

/// How members are taken that an object's schema neither names nor speaks of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// as JSON Schema has it
    Ignored,
    /// what the service answers is to be in the document
    Faults,
}

pub(super) struct Walk<'a> {
    pub(super) api: &'a Validator,
    pub(super) unnamed: Unnamed,
    pub(super) faults: Vec<String>,
}

impl Walk<'_> {
    fn fault(&mut self, at: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{}: {what}", if at.is_empty() { "/" } else { at }));
    }

    pub(super) fn schema(&mut self, schema: &Value, value: &Value, at: &str) {
        let keywords = match schema {
            Value::Object(keywords) => keywords,
            Value::Bool(true) => return,
            Value::Bool(false) => return self.fault(at, "nothing is allowed here"),
            other => return self.fault(at, format_args!("{other} is no schema")),
        };
        for (keyword, wanted) in keywords {
            match keyword.as_str() {
                "$ref" => match self.api.resolve(wanted.as_str().unwrap_or_default()) {
                    Ok(schema) => self.schema(schema, value, at),
                    Err(fault) => self.fault(at, fault),
                },
                "oneOf" | "anyOf" | "allOf" => self.combined(keyword, wanted, value, at),
                "type" if !is_typed(wanted, value) => {
                    self.fault(at, format_args!("expected {wanted}, found {value}"));
                }
                "const" if value != wanted => self.fault(at, format_args!("{value} is not {wanted}")),
                "enum" if !listed(wanted).contains(value) => {
                    self.fault(at, format_args!("{value} is none of {wanted}"));
                }
                "type" | "const" | "enum" => {}
                known if ANNOTATIONS.contains(&known) => {}
                _ => self.of_one_type(keyword, wanted, keywords, value, at),
            }
        }
        if self.unnamed == Unnamed::Faults && keywords.contains_key("properties") {
            self.unnamed_members(keywords, value, at);
        }
    }

    /// Keywords that speak of values of one type, and of others not at all.
    fn of_one_type(
        &mut self,
        keyword: &str,
        wanted: &Value,
        all: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) {
        match (keyword, value) {
            ("minLength" | "maxLength" | "pattern", Value::String(text)) => {
                self.text(keyword, wanted, text, at)
            }
            ("minimum" | "maximum", Value::Number(number)) => {
                let (number, bound) = (number.as_f64(), wanted.as_f64());
                if if keyword == "minimum" { number < bound } else { number > bound } {
                    self.fault(at, format_args!("{value} is beyond the {keyword} {wanted}"));
                }
            }
            ("items" | "minItems" | "maxItems" | "uniqueItems", Value::Array(items)) => {
                self.list(keyword, wanted, items, at);
            }
            (
                "required" | "properties" | "additionalProperties" | "propertyNames" | "maxProperties",
                Value::Object(members),
            ) => self.object(keyword, wanted, all, members, at),
            (
                "minLength"
                | "maxLength"
                | "pattern"
                | "minimum"
                | "maximum"
                | "items"
                | "minItems"
                | "maxItems"
                | "uniqueItems"
                | "required"
                | "properties"
                | "additionalProperties"
                | "propertyNames"
                | "maxProperties",
                _,
            ) => {}
            _ => self.fault(at, format_args!("the keyword {keyword} is not known to this validator")),
        }
    }

    fn text(&mut self, keyword: &str, wanted: &Value, text: &str, at: &str) {
        let length = text.chars().count();
        let fits = match keyword {
            "minLength" => length >= bound(wanted),
            "maxLength" => length <= bound(wanted),
            _ => match Pattern::read(wanted.as_str().unwrap_or_default()) {
                Ok(pattern) => pattern.matches(text),
                Err(error) => return self.fault(at, format_args!("the pattern {wanted}: {error}")),
            },
        };
        if !fits {
            self.fault(at, format_args!("{text:?} does not fit the {keyword} {wanted}"));
        }
    }

    fn list(&mut self, keyword: &str, wanted: &Value, items: &[Value], at: &str) {
        let fits = match keyword {
            "minItems" => items.len() >= bound(wanted),
            "maxItems" => items.len() <= bound(wanted),
            "uniqueItems" => {
                let different: BTreeSet<String> = items.iter().map(Value::to_string).collect();
                *wanted == false || different.len() == items.len()
            }
            _ => {
                for (index, item) in items.iter().enumerate() {
                    self.schema(wanted, item, &format!("{at}/{index}"));
                }
                true
            }
        };
        if !fits {
            self.fault(at, format_args!("{} elements do not fit {keyword} {wanted}", items.len()));
        }
    }

    fn object(
        &mut self,
        keyword: &str,
        wanted: &Value,
        all: &Map<String, Value>,
        members: &Map<String, Value>,
        at: &str,
    ) {
        match keyword {
            "required" => {
                let missing = |name: &&Value| !name.as_str().is_some_and(|name| members.contains_key(name));
                for name in listed(wanted).iter().filter(missing) {
                    self.fault(at, format_args!("the member {name} is missing"));
                }
            }
            "properties" => {
                for (name, value) in members {
                    if let Some(schema) = wanted.get(name) {
                        self.schema(schema, value, &beneath(at, name));
                    }
                }
            }
            "additionalProperties" => {
                let named = all.get("properties");
                for (name, value) in members {
                    if named.is_none_or(|named| named.get(name).is_none()) {
                        self.schema(wanted, value, &beneath(at, name));
                    }
                }
            }
            "propertyNames" => {
                for name in members.keys() {
                    self.schema(wanted, &Value::from(name.as_str()), &beneath(at, name));
                }
            }
            _ if members.len() > bound(wanted) => {
                self.fault(at, format_args!("{} members do not fit {keyword} {wanted}", members.len()));
            }
            _ => {}
        }
    }

    fn unnamed_members(&mut self, keywords: &Map<String, Value>, value: &Value, at: &str) {
        let Value::Object(members) = value else { return };
        if keywords.contains_key("additionalProperties") {
            return;
        }
        for name in members.keys().filter(|name| keywords["properties"].get(name).is_none()) {
            self.fault(&beneath(at, name), "the document names no such member");
        }
    }

    fn combined(&mut self, keyword: &str, schemas: &Value, value: &Value, at: &str) {
        let mut told = String::new();
        let mut valid = 0;
        for (index, schema) in listed(schemas).iter().enumerate() {
            let mut branch = Walk { api: self.api, unnamed: self.unnamed, faults: Vec::new() };
            branch.schema(schema, value, at);
            match branch.faults.as_slice() {
                [] => valid += 1,
                faults => {
                    let _ = write!(told, " [{index}] {}", faults.join("; ")); // a String takes everything
                }
            }
        }
        let fits = match keyword {
            "oneOf" => valid == 1,
            "anyOf" => valid > 0,
            _ => valid == listed(schemas).len(),
        };
        if !fits {
            self.fault(at, format_args!("{valid} of {keyword} fit:{told}"));
        }
    }
}

fn beneath(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn listed(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn bound(value: &Value) -> usize {
    value.as_u64().and_then(|bound| usize::try_from(bound).ok()).expect("a bound is a small integer")
}

fn is_typed(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("number", Value::Number(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    };
    match wanted {
        Value::String(name) => is(name),
        several => listed(several).iter().filter_map(Value::as_str).any(is),
    }
}
