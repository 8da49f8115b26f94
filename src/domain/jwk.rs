//! One public key as a document (RFC 7517): read strictly, and written. A key that is not for signatures, or that brings
//! its private half, is none.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::public_key::PublicJwk;
use crate::limits;
use crate::vault::{PublicKey, SigningAlgorithm};

/// Whatever of them stands in a document that is to be public, its holder has published a secret.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key that signatures may be held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Jwk {
    pub id: Option<String>,
    /// the only algorithm that it is for, when it says so
    pub algorithm: Option<SigningAlgorithm>,
    pub public: PublicJwk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkFault {
    /// it holds members of a private key
    Private,
    /// `use`, `key_ops` or `alg` keep it from checking signatures
    Purpose,
    /// a member has another type than it may, or makes no key of a known kind and strength
    Key,
}

impl JwkFault {
    pub fn detail(self) -> &'static str {
        match self {
            JwkFault::Private => {
                "the key holds its private half; send the public half alone, and use that key no more"
            }
            JwkFault::Purpose => {
                "use must be sig, key_ops must have verify, and alg must be one of this kind of key"
            }
            JwkFault::Key => {
                "the key must be RSA of 2048 to 8192 bits, EC on P-256 or P-384, or OKP on Ed25519"
            }
        }
    }
}

impl Jwk {
    pub fn read(document: &Map<String, Value>) -> Result<Self, JwkFault> {
        if PRIVATE.iter().any(|name| document.contains_key(*name)) {
            return Err(JwkFault::Private);
        }
        let public = PublicJwk::of(document).map_err(|_| JwkFault::Key)?;
        // A member that is null says nothing: some providers write those that they have no value for.
        let member = |name: &str| document.get(name).filter(|value| !value.is_null());
        let text = |name: &str| match member(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= limits::JOSE_NAME_BYTES => Ok(Some(text.as_str())),
            Some(_) => Err(JwkFault::Key),
        };
        let verifies = match member("key_ops") {
            None => true,
            Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
            Some(_) => return Err(JwkFault::Key),
        };
        if !verifies || text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(JwkFault::Purpose);
        }
        let algorithm = match text("alg")? {
            None => None,
            Some(word) => Some(SigningAlgorithm::from_word(word).ok_or(JwkFault::Purpose)?),
        };
        if algorithm.is_some_and(|algorithm| !public.key().serves(algorithm)) {
            return Err(JwkFault::Purpose);
        }
        Ok(Jwk { id: text("kid")?.map(str::to_owned), algorithm, public })
    }

    pub fn key(&self) -> &PublicKey {
        self.public.key()
    }

    pub fn serves(&self, algorithm: SigningAlgorithm) -> bool {
        self.key().serves(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// As a set of keys publishes it.
    pub fn document(&self) -> Map<String, Value> {
        let mut members = self.public.members();
        members.insert("use".to_owned(), "sig".into());
        members.extend(self.algorithm.map(|algorithm| ("alg".to_owned(), algorithm.word().into())));
        members.extend(self.id.as_ref().map(|id| ("kid".to_owned(), id.as_str().into())));
        members
    }
}

/// The keys that may have signed a text: those of the id that it names; where it names none, the only one that serves its
/// algorithm.
pub fn candidates<'k>(keys: &'k [Jwk], id: Option<&str>, algorithm: SigningAlgorithm) -> Vec<&'k PublicKey> {
    let fitting = keys.iter().filter(|key| key.serves(algorithm));
    match id {
        Some(id) => fitting.filter(|key| key.id.as_deref() == Some(id)).map(Jwk::key).collect(),
        None => {
            let all: Vec<&PublicKey> = fitting.map(Jwk::key).collect();
            if all.len() == 1 { all } else { Vec::new() }
        }
    }
}

/// As [`Jwk::document`] wrote it, and in no other way: for events and rows.
impl TryFrom<Map<String, Value>> for Jwk {
    type Error = &'static str;

    fn try_from(document: Map<String, Value>) -> Result<Self, Self::Error> {
        let key = Jwk::read(&document).map_err(JwkFault::detail)?;
        if key.document() == document { Ok(key) } else { Err("a key is not written as it would be here") }
    }
}

impl From<Jwk> for Map<String, Value> {
    fn from(key: Jwk) -> Self {
        key.document()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base64url;
    use serde_json::json;

    fn with(members: Value) -> Result<Jwk, JwkFault> {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&[7; 32])});
        let own = key.as_object_mut().expect("an object");
        own.extend(members.as_object().expect("an object").clone());
        Jwk::read(own)
    }

    #[test]
    fn a_key_is_read_with_what_it_says_of_itself() {
        let key = with(
            json!({"kid": "a", "alg": "EdDSA", "use": "sig", "key_ops": ["sign", "verify"], "x5u": "x"}),
        );
        let key = key.expect("a key");
        assert_eq!((key.id.as_deref(), key.algorithm), (Some("a"), Some(SigningAlgorithm::EdDsa)));
        let written = key.document();
        assert_eq!(Jwk::try_from(written.clone()).as_ref(), Ok(&key));
        let more = Map::from_iter([("ext".to_owned(), json!(true))]).into_iter().chain(written).collect();
        assert_eq!(Jwk::read(&more), Ok(key));
        assert!(Jwk::try_from(more).is_err(), "it was not written here");
        let silent = json!({"kid": null, "alg": null, "use": null, "key_ops": null});
        assert_eq!(with(silent), with(json!({})));
        assert!(with(json!({})).expect("a key").serves(SigningAlgorithm::EdDsa));
        assert!(!with(json!({})).expect("a key").serves(SigningAlgorithm::Es256));
    }

    #[test]
    fn what_a_key_forbids_is_not_done_with_it() {
        for (members, fault) in [
            (json!({"use": "enc"}), JwkFault::Purpose),
            (json!({"use": "SIG"}), JwkFault::Purpose),
            (json!({"key_ops": ["sign"]}), JwkFault::Purpose),
            (json!({"key_ops": []}), JwkFault::Purpose),
            (json!({"alg": "ES256"}), JwkFault::Purpose),
            (json!({"alg": "none"}), JwkFault::Purpose),
            (json!({"alg": "HS256"}), JwkFault::Purpose),
            (json!({"key_ops": "verify"}), JwkFault::Key),
            (json!({"use": 7}), JwkFault::Key),
            (json!({"kid": "k".repeat(limits::JOSE_NAME_BYTES + 1)}), JwkFault::Key),
            (json!({"kty": "oct"}), JwkFault::Key),
            (json!({"x": "AA"}), JwkFault::Key),
        ] {
            assert_eq!(with(members.clone()), Err(fault), "{members}");
            assert!(!fault.detail().is_empty());
        }
    }

    #[test]
    fn a_private_half_is_never_taken_for_a_public_key() {
        for name in PRIVATE {
            assert_eq!(with(json!({name: "AA"})), Err(JwkFault::Private), "{name}");
        }
    }
}
