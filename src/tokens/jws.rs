//! A signed text in its compact form (RFC 7515, 7.1), read strictly. Which algorithms may be is the caller's closed list; the
//! text only says which of them it is. Headers that would lead to a key (`jku`, `x5u`, `x5c`, `jwk`) decide nothing here.

use serde_json::{Map, Value};

use super::json;
use crate::domain::base64url;
use crate::limits;
use crate::vault::{PublicKey, SigningAlgorithm};

/// A text of three parts whose header can be gone by. Whether it was signed is asked next; its claims are read after that.
#[derive(Debug)]
pub struct Jws<'a> {
    pub header: Header,
    /// header and claims, as they were signed
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub algorithm: SigningAlgorithm,
    pub typ: Option<String>,
    /// A name to look a key up by, and nothing else: no path, no query.
    pub kid: Option<String>,
    /// For a proof that carries its own key (RFC 9449), where nothing is decided by whose it is.
    pub jwk: Option<Map<String, Value>>,
}

/// Why a text is no signed text that may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsFault {
    /// not three parts of base64url, too long, or a header that is no plain object
    Form,
    /// it demands what is not known here
    Critical,
    /// none of those that the caller takes
    Algorithm,
}

impl<'a> Jws<'a> {
    /// At most so many bytes, signed with one of these.
    pub fn read(text: &'a str, at_most: usize, algorithms: &[SigningAlgorithm]) -> Result<Self, JwsFault> {
        if text.len() > at_most {
            return Err(JwsFault::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JwsFault::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(JwsFault::Form)?;
        if claims.contains('.') {
            return Err(JwsFault::Form);
        }
        let header = base64url::decode(header).and_then(|text| json::object(&text)).ok_or(JwsFault::Form)?;
        let header = Header::read(header, algorithms)?;
        let signature = base64url::decode(signature).ok_or(JwsFault::Form)?;
        Ok(Jws { header, signed, claims, signature })
    }

    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.has_signed(self.header.algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// The same of a key that there may be: it takes as long when there is none.
    pub fn is_signed_by_any(&self, key: Option<&PublicKey>) -> bool {
        PublicKey::signed_if_any(key, self.header.algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// What it says; `None` when that is no object with each member once.
    pub fn claims(&self) -> Option<Map<String, Value>> {
        json::object(&base64url::decode(self.claims)?)
    }
}

impl Header {
    fn read(mut members: Map<String, Value>, algorithms: &[SigningAlgorithm]) -> Result<Self, JwsFault> {
        if members.contains_key("crit") {
            return Err(JwsFault::Critical);
        }
        let Some(Value::String(algorithm)) = members.get("alg") else { return Err(JwsFault::Form) };
        let algorithm = SigningAlgorithm::from_word(algorithm).filter(|own| algorithms.contains(own));
        let algorithm = algorithm.ok_or(JwsFault::Algorithm)?;
        let mut text = |name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= limits::JOSE_NAME_BYTES => Ok(Some(text)),
            Some(_) => Err(JwsFault::Form),
        };
        let (typ, kid) = (text("typ")?, text("kid")?);
        let jwk = match members.remove("jwk") {
            None => None,
            Some(Value::Object(jwk)) => Some(jwk),
            Some(_) => return Err(JwsFault::Form),
        };
        Ok(Header { algorithm, typ, kid, jwk })
    }

    /// A media type, with or without `application/` before it (RFC 7515, 4.1.9).
    pub fn is_of_type(&self, expected: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let bare = typ.get(..12).filter(|start| start.eq_ignore_ascii_case("application/"));
            bare.map_or(typ, |_| &typ[12..]).eq_ignore_ascii_case(expected)
        })
    }
}

/// The parts that are to be signed.
pub fn unsigned(header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let part = |members: &Map<String, Value>| {
        let text = serde_json::to_vec(members).unwrap_or_else(|cause| panic!("plain members: {cause}"));
        base64url::encode(&text)
    };
    format!("{}.{}", part(header), part(claims))
}

/// With the signature over them.
pub fn compact(unsigned: &str, signature: &[u8]) -> String {
    format!("{unsigned}.{}", base64url::encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(header: &str, claims: &str, signature: &str) -> String {
        let part = |text: &str| base64url::encode(text.as_bytes());
        format!("{}.{}.{signature}", part(header), part(claims))
    }

    fn fault(text: &str) -> Option<JwsFault> {
        Jws::read(text, 4096, &[SigningAlgorithm::Es256, SigningAlgorithm::EdDsa]).err()
    }

    #[test]
    fn only_three_parts_without_padding_are_read() {
        let good = text(r#"{"alg":"ES256"}"#, "{}", "AAAA");
        assert_eq!(fault(&good), None);
        let long = text(r#"{"alg":"ES256"}"#, &"x".repeat(4096), "AAAA");
        for bad in [
            "",
            ".",
            "..",
            "...",
            &good[1..],
            &format!("{good}.AAAA"),
            &format!(".{good}"),
            &format!("{good}="),
            &format!("{good} "),
            &good.replacen('.', "=.", 1),
            // five parts: an encrypted one
            &format!("{good}.AAAA.AAAA"),
            &long,
        ] {
            assert_eq!(fault(bad), Some(JwsFault::Form), "{bad}");
        }
    }

    #[test]
    fn the_header_is_a_plain_object_with_each_member_once() {
        let of = |header: &str| fault(&text(header, "{}", "AAAA"));
        for header in [
            "[]",
            "null",
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"none","alg":"ES256"}"#,
            r#"{"alg":"ES256","x":{"y":1,"y":2}}"#,
            r#"{"alg":7}"#,
            r#"{"alg":["ES256"]}"#,
            "{}",
            r#"{"alg":"ES256","kid":7}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","typ":["JWT"]}"#,
            r#"{"alg":"ES256","jwk":"x"}"#,
            &format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(limits::JOSE_NAME_BYTES + 1)),
        ] {
            assert_eq!(of(header), Some(JwsFault::Form), "{header}");
        }
        for algorithm in ["none", "None", "NONE", "HS256", "es256", "RS256", "ES384", "", "ES256 "] {
            let header = json!({"alg": algorithm}).to_string();
            assert_eq!(of(&header), Some(JwsFault::Algorithm), "{algorithm}");
        }
        for crit in [r#"["b64"]"#, "[]", "null", "7"] {
            assert_eq!(
                of(&format!(r#"{{"alg":"ES256","crit":{crit}}}"#)),
                Some(JwsFault::Critical),
                "{crit}"
            );
        }
        assert_eq!(of(r#"{"alg":"EdDSA","jku":"https://x","x5u":7,"x5c":[],"b64":false}"#), None);
    }

    #[test]
    fn claims_are_an_object_with_each_member_once() {
        for (claims, read) in
            [("{}", true), (r#"{"a":1,"a":2}"#, false), ("[]", false), (r#""text""#, false), ("", false)]
        {
            let text = text(r#"{"alg":"ES256"}"#, claims, "AAAA");
            let jws = Jws::read(&text, 4096, &[SigningAlgorithm::Es256]).expect("its form is right");
            assert_eq!(jws.claims().is_some(), read, "{claims}");
        }
    }

    #[test]
    fn a_type_is_told_with_and_without_application() {
        let header = |typ: &str| Header {
            algorithm: SigningAlgorithm::Es256,
            typ: Some(typ.to_owned()),
            kid: None,
            jwk: None,
        };
        for (typ, is) in [
            ("at+jwt", true),
            ("application/at+jwt", true),
            ("Application/AT+JWT", true),
            ("JWT", false),
            ("at+jwt ", false),
            ("application/", false),
            ("text/at+jwt", false),
            ("", false),
            ("äääääääääääääääää", false),
        ] {
            assert_eq!(header(typ).is_of_type("at+jwt"), is, "{typ}");
        }
    }
}
