//! The first line of an import: where the keys come from, how they are written, and how their digests were made.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use crate::domain::imports::{Alphabet, Declare, ForeignFormat, Scheme, Side};
use crate::domain::slug::{self, is_slug};
use crate::http::json::Json;
use crate::http::members::{self, Members, Node};
use crate::http::problem::Problem;
use crate::ledger::execute::Ledger;
use crate::ledger::imports::read_base64;
use crate::limits;

/// What every line of the import goes by.
pub struct Header {
    pub source: String,
    pub format: ForeignFormat,
    pub scheme: Scheme,
    pub salt_text: SaltText,
}

/// How the lines write their salts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaltText {
    /// its own bytes
    Text,
    Hex,
    Base64,
}

/// What the header says of the digests; the key is wiped with it.
enum Digests {
    Sha256,
    Salted(Side, u8, SaltText),
    Hmac(Zeroizing<Vec<u8>>),
}

impl Header {
    pub fn read(json: &Json<'_>, ledger: &Ledger) -> Result<Header, Problem> {
        let (source, format, digests) = members::decode(json, |members| {
            members.required("import", |import| import.object(import_members))
        })?;
        let (scheme, salt_text) = match digests {
            Digests::Sha256 => (Scheme::Sha256 {}, SaltText::Text),
            Digests::Salted(side, start_chars, text) => (Scheme::Salted { side, start_chars }, text),
            Digests::Hmac(key) => (ledger.hmac_scheme(&key), SaltText::Text),
        };
        Ok(Header { source, format, scheme, salt_text })
    }

    pub fn declare(&self) -> Declare {
        Declare { format: self.format.clone(), scheme: self.scheme.clone() }
    }
}

fn import_members(members: &mut Members<'_, '_>) -> Option<(String, ForeignFormat, Digests)> {
    let source = members.required("source", source);
    let format = members.required("format", format);
    let digests = members.required("digest", |digest| digest.object(digests));
    Some((source?, format?, digests?))
}

fn source(node: Node<'_, '_>) -> Option<String> {
    let text = node.text()?;
    if is_slug(text) { Some(text.to_owned()) } else { node.refuse(slug::expected()) }
}

fn format(node: Node<'_, '_>) -> Option<ForeignFormat> {
    let (prefix, alphabet, length) = node.object(|members| {
        let prefix = members.optional("prefix", |text| text.text());
        let alphabet = members.required("alphabet", |word| {
            word.one_of(&Alphabet::ALL.map(|alphabet| (alphabet.word(), alphabet)))
        });
        let length = members.required("length", length);
        Some((prefix?.unwrap_or_default(), alphabet?, length?))
    })?;
    node.accept(ForeignFormat::new(prefix, alphabet, length))
}

/// One number, or the least and the most; the prefix counts.
fn length(node: Node<'_, '_>) -> Option<RangeInclusive<u8>> {
    if matches!(node.json(), Json::Object(_)) {
        let (least, most) = node.object(|members| {
            let least = members.required("min", characters);
            let most = members.required("max", characters);
            Some((least?, most?))
        })?;
        return Some(least..=most);
    }
    characters(node).map(|exactly| exactly..=exactly)
}

fn characters(node: Node<'_, '_>) -> Option<u8> {
    let number = node.integer(1..=i64::from(limits::FOREIGN_KEY_CHARS))?;
    u8::try_from(number).ok()
}

fn digests(members: &mut Members<'_, '_>) -> Option<Digests> {
    let algorithm =
        members.required("algorithm", |word| word.one_of(&[("sha256", false), ("hmac_sha256", true)]));
    let salt = members.optional("salt", |salt| salt.object(salted));
    let key = members.optional("hmac_key", hmac_key);
    match (algorithm?, salt?, key?) {
        (false, None, None) => Some(Digests::Sha256),
        (false, Some(salted), None) => Some(salted),
        (true, None, Some(key)) => Some(Digests::Hmac(key)),
        (true, None, None) => members.refuse("hmac_sha256 needs hmac_key, the key of the digests in base64"),
        (true, Some(_), _) => members.refuse("hmac_sha256 goes without a salt"),
        (false, _, Some(_)) => members.refuse("hmac_key goes with hmac_sha256 alone"),
    }
}

fn salted(members: &mut Members<'_, '_>) -> Option<Digests> {
    let side = members.required("side", |word| word.one_of(&Side::ALL.map(|side| (side.word(), side))));
    let start_chars = members.required("start_chars", characters);
    let text = members.optional("encoding", |word| {
        word.one_of(&[("text", SaltText::Text), ("hex", SaltText::Hex), ("base64", SaltText::Base64)])
    });
    Some(Digests::Salted(side?, start_chars?, text?.unwrap_or(SaltText::Text)))
}

fn hmac_key(node: Node<'_, '_>) -> Option<Zeroizing<Vec<u8>>> {
    let key = read_base64(node.text()?).map(Zeroizing::new);
    let key = key.filter(|key| limits::HMAC_KEY_BYTES.contains(&key.len()));
    key.or_else(|| {
        let (least, most) = (limits::HMAC_KEY_BYTES.start(), limits::HMAC_KEY_BYTES.end());
        node.refuse(format_args!("expected {least} to {most} bytes in base64"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, ForeignFormat, Digests), Problem> {
        let json = Json::parse(text.as_bytes())?;
        members::decode(&json, |members| members.required("import", |import| import.object(import_members)))
    }

    fn header(digest: &str) -> String {
        let format = r#"{"prefix":"sk_","alphabet":"base62","length":{"min":40,"max":41}}"#;
        format!(r#"{{"import":{{"source":"unkey","format":{format},"digest":{digest}}}}}"#)
    }

    #[test]
    fn each_way_of_digests_is_read() {
        let plain = read(&header(r#"{"algorithm":"sha256"}"#));
        assert!(matches!(plain, Ok((source, _, Digests::Sha256)) if source == "unkey"));
        let salt = r#"{"algorithm":"sha256","salt":{"side":"after","start_chars":9,"encoding":"hex"}}"#;
        let salted = read(&header(salt));
        assert!(matches!(salted, Ok((_, _, Digests::Salted(Side::After, 9, SaltText::Hex)))));
        let keyed = read(&header(r#"{"algorithm":"hmac_sha256","hmac_key":"SmVmZQ=="}"#));
        assert!(matches!(keyed, Ok((_, _, Digests::Hmac(key))) if **key == *b"Jefe"));
    }

    #[test]
    fn what_does_not_go_together_is_refused_and_the_key_is_never_repeated() {
        for digest in [
            r#"{"algorithm":"sha256","hmac_key":"SmVmZQ=="}"#,
            r#"{"algorithm":"hmac_sha256"}"#,
            r#"{"algorithm":"hmac_sha256","hmac_key":""}"#,
            r#"{"algorithm":"hmac_sha256","hmac_key":"SmVmZQ"#,
            r#"{"algorithm":"hmac_sha256","hmac_key":"SmVm!!!!"}"#,
            r#"{"algorithm":"md5"}"#,
            r#"{"algorithm":"hmac_sha256","hmac_key":"SmVmZQ==","salt":{"side":"after","start_chars":9}}"#,
            r#"{"algorithm":"sha256","salt":{"side":"beside","start_chars":9}}"#,
            r#"{"algorithm":"sha256","salt":{"side":"after"}}"#,
            r#"{"algorithm":"sha256","pepper":1}"#,
        ] {
            let problem = read(&header(digest)).map(drop).expect_err("refused");
            assert!(!format!("{problem:?}").contains("SmVm"), "{problem:?}");
        }
    }
}
