//! Holds JSON values against the API document: the part of JSON Schema 2020-12 that the document uses, and no more. A
//! keyword that is not known here is a fault, so nothing in the document goes unchecked.
//!
//! ```ignore
//! let api = Validator::new(serde_json::from_slice(&document(url))?);
//! api.check("#/components/schemas/Key", &value)?;
//! api.operation("POST", "/api/v1/verify").response(200).check(|name| header(name), &body)?;
//! ```
#![allow(dead_code)] // Each test crate that takes this file in uses another part of it.

use serde_json::{Map, Value};

#[path = "pattern.rs"]
pub mod pattern;
#[path = "json_schema_walk.rs"]
mod walk;
use walk::{Unnamed, Walk};

/// Each fault says where in the value it is.
pub type Outcome = Result<(), Vec<String>>;

pub struct Validator {
    document: Value,
}

impl Validator {
    pub fn new(document: Value) -> Self {
        Validator { document }
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// `schema` is a reference: `#/components/schemas/Key`, or any other place of the document where a schema stands.
    pub fn check(&self, schema: &str, value: &Value) -> Outcome {
        let schema = self.resolve(schema).map_err(|fault| vec![fault])?;
        self.check_schema(schema, value, Unnamed::Ignored)
    }

    /// The same for what the service answers: a member that the document does not name is a fault, too.
    pub fn check_answer(&self, schema: &str, value: &Value) -> Outcome {
        let schema = self.resolve(schema).map_err(|fault| vec![fault])?;
        self.check_schema(schema, value, Unnamed::Faults)
    }

    pub fn resolve(&self, reference: &str) -> Result<&Value, String> {
        let pointer = reference.strip_prefix('#').unwrap_or(reference);
        self.document.pointer(pointer).ok_or_else(|| format!("{reference} leads nowhere"))
    }

    /// The object itself, or the one that its `$ref` names.
    pub fn followed<'a>(&'a self, object: &'a Value) -> &'a Value {
        match object["$ref"].as_str() {
            Some(reference) => self.resolve(reference).unwrap_or_else(|fault| panic!("{fault}")),
            None => object,
        }
    }

    /// `path` is a template of the document, or a concrete path with or without its query.
    pub fn operation(&self, method: &str, path: &str) -> Operation<'_> {
        let found = self.operations(path).find(|(own, _)| own.eq_ignore_ascii_case(method));
        found.unwrap_or_else(|| panic!("the document has no {method} {path}")).1
    }

    /// Each method of a path, as the document writes it, and its operation; none where there is no such path.
    pub fn operations(&self, path: &str) -> impl Iterator<Item = (&str, Operation<'_>)> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().expect("the document has paths");
        // Fewer variable parts first: `/verify/batch` before `/verify/{x}`.
        let fitting = paths.iter().filter(|(template, _)| is_of(path, template));
        let found = fitting.min_by_key(|(template, _)| template.matches('{').count());
        found.into_iter().flat_map(move |(template, item)| {
            let methods = item.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
            methods.map(move |(method, operation)| {
                let name = format!("{method} {template}");
                (method.as_str(), Operation { api: self, name, operation })
            })
        })
    }

    fn check_schema(&self, schema: &Value, value: &Value, unnamed: Unnamed) -> Outcome {
        let mut walk = Walk { api: self, unnamed, faults: Vec::new() };
        walk.schema(schema, value, "");
        if walk.faults.is_empty() { Ok(()) } else { Err(walk.faults) }
    }
}

fn is_of(path: &str, template: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), template.split('/'));
    loop {
        match (parts.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if part == wanted || (wanted.starts_with('{') && !part.is_empty()) => {
            }
            _ => return false,
        }
    }
}

pub struct Operation<'a> {
    api: &'a Validator,
    name: String,
    operation: &'a Value,
}

impl<'a> Operation<'a> {
    pub fn id(&self) -> &'a str {
        self.operation["operationId"].as_str().unwrap_or_default()
    }

    pub fn declares(&self, status: u16) -> bool {
        self.operation["responses"].get(status.to_string()).is_some()
    }

    pub fn response(&self, status: u16) -> Response<'a> {
        assert!(self.declares(status), "{} does not declare the status {status}", self.name);
        let response = self.api.followed(&self.operation["responses"][status.to_string()]);
        Response { api: self.api, response }
    }

    /// A JSON body, against the schema of its media type.
    pub fn check_request(&self, media_type: &str, body: &Value) -> Outcome {
        let content = &self.operation["requestBody"]["content"][media_type];
        match content.get("schema") {
            Some(schema) => self.api.check_schema(schema, body, Unnamed::Ignored),
            None => Err(vec![format!("{} takes no {media_type}", self.name)]),
        }
    }
}

pub struct Response<'a> {
    api: &'a Validator,
    response: &'a Value,
}

impl Response<'_> {
    /// An answer as it came: its type is declared, its declared headers are there and valid, and so is its body.
    pub fn check(&self, header: impl Fn(&str) -> Option<String>, body: &[u8]) -> Outcome {
        let mut faults = self.header_faults(&header);
        let sent = header("content-type").unwrap_or_default();
        let media_type = sent.split(';').next().unwrap_or_default().trim();
        let lines = media_type.ends_with("ndjson");
        let json = media_type.ends_with("json");
        match (self.response.get("content"), body) {
            (None, []) => {}
            (None, _) => faults.push("there is a body, and none is declared".to_owned()),
            (Some(content), body) => match content.get(media_type) {
                None => faults.push(format!("the type {sent:?} is not declared")),
                Some(_) if !json => {}
                Some(content) if lines => {
                    let line = &content["schema"]["contentSchema"];
                    let all = body.split(|&byte| byte == b'\n').filter(|text| !text.is_empty());
                    faults.extend(all.flat_map(|text| self.body_faults(line, text)));
                }
                Some(content) => faults.extend(self.body_faults(&content["schema"], body)),
            },
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// An answer to HEAD, which has no body.
    pub fn check_headers(&self, header: impl Fn(&str) -> Option<String>) -> Outcome {
        let faults = self.header_faults(&header);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn body_faults(&self, schema: &Value, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice(body) {
            Ok(body) => self.api.check_schema(schema, &body, Unnamed::Faults).err().unwrap_or_default(),
            Err(error) => vec![format!("the body is no JSON: {error}")],
        }
    }

    fn header_faults(&self, header: &impl Fn(&str) -> Option<String>) -> Vec<String> {
        let none = Map::new();
        let mut faults = Vec::new();
        for (name, declared) in self.response["headers"].as_object().unwrap_or(&none) {
            let declared = self.api.followed(declared);
            match header(name) {
                None if declared["required"] == true => faults.push(format!("the header {name} is missing")),
                None => {}
                Some(text) => {
                    let value = self.api.text_as_value(&declared["schema"], &text);
                    let outcome = self.api.check_schema(&declared["schema"], &value, Unnamed::Faults);
                    let found = outcome.err().unwrap_or_default();
                    faults.extend(found.iter().map(|fault| format!("the header {name}: {fault}")));
                }
            }
        }
        faults
    }
}

impl Validator {
    /// Headers are texts; where a number is declared, the text is read as one.
    fn text_as_value(&self, schema: &Value, text: &str) -> Value {
        let number = text.parse::<i64>().ok().filter(|_| self.followed(schema)["type"] == "integer");
        number.map_or_else(|| Value::from(text), Value::from)
    }
}
