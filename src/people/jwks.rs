//! The keys by which the provider signs (RFC 7517). A key that can't be read, or that is not for signing, is passed over: a
//! provider may have kinds of keys that nobody here asks for.

use serde_json::Value;

use crate::domain::jwk::{self, Jwk};
use crate::limits;
use crate::tokens::json;
use crate::vault::{PublicKey, SigningAlgorithm};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Jwk>);

impl KeySet {
    /// What is wrong with it, for the log, when it is no set of keys at all.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let mut document = json::object(text).ok_or("it is no JSON with keys")?;
        let Some(Value::Array(keys)) = document.remove("keys") else { return Err("it is no JSON with keys") };
        if keys.len() > limits::PROVIDER_KEYS {
            return Err("it holds too many keys");
        }
        Ok(KeySet(keys.iter().filter_map(|key| Jwk::read(key.as_object()?).ok()).collect()))
    }

    pub fn candidates(&self, id: Option<&str>, algorithm: SigningAlgorithm) -> Vec<&PublicKey> {
        jwk::candidates(&self.0, id, algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base64url;
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
