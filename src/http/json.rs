//! A strict reader of JSON (RFC 8259, I-JSON's rules): UTF-8 only, no duplicate members, bounded depth and number of
//! values. It borrows from the body what it can, and keeps numbers as they were written, so nothing is rounded.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::json_parser;
use crate::domain::canonical::double_text;
use crate::limits;

#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// As written; the grammar has been checked and the value fits a finite double.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the body; no name twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not the JSON that is accepted here, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// RFC 6901, of the innermost value that was being read
    pub pointer: String,
    pub detail: String,
}

impl<'a> Json<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Json<'a>, Malformed> {
        json_parser::document(text_of(body)?)
    }

    /// For a body whose items fail alone: one that may not be taken is null, and told by its index.
    pub fn parse_items(body: &'a [u8]) -> Result<(Json<'a>, Vec<(usize, Malformed)>), Malformed> {
        json_parser::document_of_items(text_of(body)?)
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a string",
            Json::List(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// One text for all spellings of one value: sorted members, no space, one form of each number.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(written) => out.push_str(&canonical_number(written)),
            Json::Text(text) => write_text(text, out),
            Json::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                out.push('{');
                for (index, (name, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(name, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
}

fn text_of(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|error| Malformed {
        pointer: String::new(),
        detail: format!("byte {} is not UTF-8", error.valid_up_to()),
    })
}

/// An integer that a machine word holds keeps every digit; the rest is a double, in its one form (RFC 8785).
fn canonical_number(written: &str) -> String {
    if let Some(integer) = integer(written) {
        return integer.to_string();
    }
    match (written.parse::<u64>(), written.parse::<f64>()) {
        (Err(_), Ok(double)) => double_text(double),
        _ => written.to_owned(),
    }
}

/// The integer that a number's text stands for: `7`, `-0`, `1.0` and `1e2` are integers, `1.5` is none.
pub fn integer(written: &str) -> Option<i64> {
    if let Ok(plain) = written.parse::<i64>() {
        return Some(plain);
    }
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let double: f64 = written.parse().ok()?;
    let spelt_out = written.contains(['.', 'e', 'E']);
    // Within ±2^53 a double without a fraction is the integer itself.
    #[expect(clippy::cast_possible_truncation, reason = "checked to be integral and within ±2^53")]
    (spelt_out && double.fract() == 0.0 && double.abs() < EXACT).then_some(double as i64)
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\x1f' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// One step of a JSON pointer, escaped by RFC 6901. Names come from the caller, so a long pointer ends early, in `…`.
pub fn push_pointer(pointer: &mut String, step: &dyn fmt::Display) {
    for character in std::iter::once(None).chain(step.to_string().chars().map(Some)) {
        if pointer.len() > limits::POINTER_BYTES {
            if !pointer.ends_with('…') {
                pointer.push('…');
            }
            return;
        }
        match character {
            None => pointer.push('/'),
            Some('~') => pointer.push_str("~0"),
            Some('/') => pointer.push_str("~1"),
            Some(plain) => pointer.push(plain),
        }
    }
}

#[cfg(test)]
#[path = "json_test.rs"]
mod tests;
