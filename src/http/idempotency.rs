//! The `Idempotency-Key` header, and the digest that tells a repeat from another request under the same key.

use std::fmt;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::body::Document;
use super::problem::Problem;
use crate::limits;

const NAME: &str = "Idempotency-Key";
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A stored answer is sealed under this key, so it is kept like a secret and never printed.
pub struct IdempotencyKey(Zeroizing<String>);

impl IdempotencyKey {
    /// The text, quoted as a structured field's string or bare; both name the same key.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut sent = headers.get_all(HEADER);
        let Some(value) = sent.next() else {
            return Ok(None);
        };
        if sent.next().is_some() {
            return Err(Problem::invalid_header(NAME, "send one such header, not several"));
        }
        let text = value.as_bytes();
        let key = match text.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted),
            None => bare(text),
        };
        let key = key.map_err(|detail| Problem::invalid_header(NAME, detail))?;
        match key.len() {
            1..=limits::IDEMPOTENCY_KEY_CHARS => Ok(Some(Self(key))),
            0 => Err(Problem::invalid_header(NAME, "the key is empty")),
            _ => Err(Problem::invalid_header(NAME, "the key is longer than 128 characters")),
        }
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey")
    }
}

fn bare(text: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    match std::str::from_utf8(text) {
        Ok(key) if key.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'"' && byte != b'\\') => {
            Ok(Zeroizing::new(key.to_owned()))
        }
        _ => Err("a bare key has visible ASCII characters, and no quotes or backslashes"),
    }
}

/// RFC 8941, 3.3.3, after the opening quote; parameters are refused.
fn unquoted(text: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let mut key = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.iter().copied();
    loop {
        match rest.next() {
            Some(b'"') => break,
            Some(b'\\') => match rest.next() {
                Some(escaped @ (b'"' | b'\\')) => key.push(char::from(escaped)),
                _ => return Err("in a quoted key a backslash stands before a quote or a backslash"),
            },
            Some(plain @ 0x20..=0x7e) => key.push(char::from(plain)),
            Some(_) => return Err("a quoted key has printable ASCII characters"),
            None => return Err("the quoted key has no closing quote"),
        }
    }
    match rest.next() {
        None => Ok(key),
        Some(_) => Err("nothing may follow the closing quote"),
    }
}

/// SHA-256 over what makes a request the one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest(pub [u8; 32]);

impl RequestDigest {
    /// Each part goes in with its length, so no two requests flow together. `path` is without the query.
    pub fn of(
        method: &Method,
        path: &str,
        body: &Document<'_>,
        headers: &HeaderMap,
        sha256: impl FnOnce(&[u8]) -> [u8; 32],
    ) -> Self {
        let body = body.json().canonical();
        let mut input = b"credledger request 1\0".to_vec();
        for part in [method.as_str().as_bytes(), path.as_bytes(), body.as_bytes()] {
            push_part(&mut input, part);
        }
        for line in headers.get_all(header::IF_MATCH) {
            push_part(&mut input, line.as_bytes());
        }
        Self(sha256(&input))
    }
}

fn push_part(input: &mut Vec<u8>, part: &[u8]) {
    input.extend_from_slice(&(part.len() as u64).to_be_bytes());
    input.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use ring::digest;

    use super::*;
    use crate::http::body::JsonBody;

    fn key(lines: &[&str]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_bytes(line.as_bytes()).expect("a header's value"));
        }
        let key = IdempotencyKey::from_headers(&headers).map_err(|problem| problem.detail().to_owned())?;
        Ok(key.map(|key| key.expose().to_owned()))
    }

    #[test]
    fn a_key_may_be_quoted_or_bare() {
        let longest = "k".repeat(128);
        let longest_quoted = format!("\"{longest}\"");
        let cases = [
            (&[][..], None),
            (&["a-1"], Some("a-1")),
            (&["\"a-1\""], Some("a-1")),
            (&["\"a b\\\"\\\\\""], Some("a b\"\\")),
            (&[longest.as_str()], Some(longest.as_str())),
            (&[longest_quoted.as_str()], Some(longest.as_str())),
        ];
        for (lines, expected) in cases {
            assert_eq!(key(lines), Ok(expected.map(str::to_owned)), "{lines:?}");
        }
    }

    #[test]
    fn any_other_key_is_refused_with_its_reason() {
        let long = "k".repeat(129);
        let cases = [
            (&[""][..], "the key is empty"),
            (&["\"\""], "the key is empty"),
            (&[long.as_str()], "the key is longer than 128 characters"),
            (&["a", "a"], "send one such header, not several"),
            (&["a b"], "a bare key has visible ASCII characters, and no quotes or backslashes"),
            (&["a\"b"], "a bare key has visible ASCII characters, and no quotes or backslashes"),
            (&["é"], "a bare key has visible ASCII characters, and no quotes or backslashes"),
            (&["\"é\""], "a quoted key has printable ASCII characters"),
            (&["\"a"], "the quoted key has no closing quote"),
            (&["\"a\\n\""], "in a quoted key a backslash stands before a quote or a backslash"),
            (&["\"a\";x=1"], "nothing may follow the closing quote"),
        ];
        for (lines, reason) in cases {
            assert_eq!(key(lines), Err(format!("Idempotency-Key: {reason}")), "{lines:?}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let printed = format!("{:?}", IdempotencyKey(Zeroizing::new("canary".to_owned())));
        assert_eq!(printed, "IdempotencyKey");
    }

    #[test]
    fn a_request_is_the_same_only_if_all_of_it_is() {
        let of = |method: Method, path: &str, body: &'static str, if_match: &[&'static str]| {
            let body = JsonBody::for_test(body);
            let document = body.parse().expect("JSON");
            let headers =
                if_match.iter().map(|tag| (header::IF_MATCH, HeaderValue::from_static(tag))).collect();
            RequestDigest::of(&method, path, &document, &headers, |input| {
                digest::digest(&digest::SHA256, input).as_ref().try_into().expect("32 bytes")
            })
        };
        let one = of(Method::POST, "/keys", r#"{"a":1,"b":[true]}"#, &["\"1\""]);
        assert_eq!(of(Method::POST, "/keys", r#" {"b":[true],"a":1.0}"#, &["\"1\""]), one);
        assert_eq!(of(Method::POST, "/x", "", &[]), of(Method::POST, "/x", "{}", &[]));
        let others = [
            of(Method::PATCH, "/keys", r#"{"a":1,"b":[true]}"#, &["\"1\""]),
            of(Method::POST, "/key", r#"{"a":1,"b":[true]}"#, &["\"1\""]),
            of(Method::POST, "/keys", r#"{"a":1,"b":[false]}"#, &["\"1\""]),
            of(Method::POST, "/keys", r#"{"a":1,"b":[true]}"#, &["\"2\""]),
            of(Method::POST, "/keys", r#"{"a":1,"b":[true]}"#, &[]),
        ];
        for other in others {
            assert_ne!(other, one);
        }
    }
}
