//! The keys by which the provider signs (RFC 7517). A key that can't be read, or that is not for signing, is passed over: a
//! provider may have kinds of keys that nobody here asks for.

use serde::Deserialize;

use crate::domain::base64url;
use crate::limits;
use crate::vault::{PublicKey, SigningAlgorithm};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// the only algorithm that it is for, when it says so
    algorithm: Option<String>,
    key: PublicKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// What is wrong with it, for the log, when it is no set of keys at all.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let document: Document = serde_json::from_slice(text).map_err(|_| "it is no JSON with keys")?;
        if document.keys.len() > limits::PROVIDER_KEYS {
            return Err("it holds too many keys");
        }
        let read = |value| serde_json::from_value::<Jwk>(value).ok().and_then(Key::of);
        Ok(KeySet(document.keys.into_iter().filter_map(read).collect()))
    }

    /// The keys that may have signed: those of that id; where the text names none, the only one that serves the algorithm.
    pub fn candidates(&self, id: Option<&str>, algorithm: SigningAlgorithm) -> Vec<&PublicKey> {
        let serves = |key: &&Key| {
            key.key.serves(algorithm) && key.algorithm.as_deref().is_none_or(|own| own == algorithm.word())
        };
        let fitting = self.0.iter().filter(serves);
        match id {
            Some(id) => fitting.filter(|key| key.id.as_deref() == Some(id)).map(|key| &key.key).collect(),
            None => {
                let all: Vec<&PublicKey> = fitting.map(|key| &key.key).collect();
                if all.len() == 1 { all } else { Vec::new() }
            }
        }
    }
}

impl Key {
    fn of(jwk: Jwk) -> Option<Key> {
        let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => PublicKey::Rsa { modulus: number(&jwk.n)?, exponent: number(&jwk.e)? },
            ("EC", Some("P-256")) => PublicKey::P256(point(&jwk, 32)?),
            ("EC", Some("P-384")) => PublicKey::P384(point(&jwk, 48)?),
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(number(&jwk.x)?),
            _ => return None,
        };
        signs.then_some(Key { id: jwk.kid, algorithm: jwk.alg, key })
    }
}

fn number(text: &Option<String>) -> Option<Vec<u8>> {
    base64url::decode(text.as_ref()?)
}

/// Both coordinates whole, leading zeros included.
fn point(jwk: &Jwk, bytes: usize) -> Option<Vec<u8>> {
    let (x, y) = (number(&jwk.x)?, number(&jwk.y)?);
    (x.len() == bytes && y.len() == bytes).then(|| [&[4], x.as_slice(), &y].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(keys: serde_json::Value) -> KeySet {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).expect("a set")
    }

    fn okp(id: Option<&str>) -> serde_json::Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": base64url::encode(&[7; 32])})
    }

    #[test]
    fn a_key_is_found_by_its_id_and_without_one_only_where_there_is_no_doubt() {
        let two = set(json!([okp(Some("a")), okp(Some("b"))]));
        let found = |set: &KeySet, id| set.candidates(id, SigningAlgorithm::EdDsa).len();
        assert_eq!((found(&two, Some("a")), found(&two, Some("c")), found(&two, None)), (1, 0, 0));
        assert_eq!(found(&set(json!([okp(None)])), None), 1);
        assert_eq!(found(&set(json!([okp(None)])), Some("a")), 0);
    }

    #[test]
    fn a_key_serves_its_own_kind_and_purpose_alone() {
        let own = |members: serde_json::Value| {
            let mut key = okp(Some("a"));
            key.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
            set(json!([key]))
        };
        let found = |set: KeySet, algorithm| set.candidates(Some("a"), algorithm).len();
        assert_eq!(found(own(json!({})), SigningAlgorithm::Es256), 0);
        assert_eq!(found(own(json!({"use": "enc"})), SigningAlgorithm::EdDsa), 0);
        assert_eq!(found(own(json!({"key_ops": ["sign"]})), SigningAlgorithm::EdDsa), 0);
        assert_eq!(found(own(json!({"alg": "ES256"})), SigningAlgorithm::EdDsa), 0);
        assert_eq!(found(own(json!({"use": "sig", "alg": "EdDSA"})), SigningAlgorithm::EdDsa), 1);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_what_is_no_set_is_refused() {
        let odd = json!([{"kty": "oct", "k": "AAAA"}, 7, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "RSA"}]);
        assert_eq!(set(odd), KeySet::default());
        for text in ["", "[]", "{}", r#"{"keys":7}"#] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<_> = (0..=limits::PROVIDER_KEYS).map(|_| okp(None)).collect();
        assert!(KeySet::parse(json!({"keys": many}).to_string().as_bytes()).is_err());
    }
}
