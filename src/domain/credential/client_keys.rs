//! The public keys of a client that proves itself by signed assertions (RFC 7523), as a set of RFC 7517. They are
//! configuration: an entry holds them whole, and an erasure leaves them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::jwk::{self, Jwk};
use crate::limits;
use crate::vault::{PublicKey, SigningAlgorithm};

/// At least one key. Shared: the state, the view and its answers have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Set", into = "Set")]
pub struct ClientKeys(Arc<Vec<Jwk>>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    keys: Vec<Jwk>,
}

/// Why keys are no set that a client could prove itself by; where one key is wrong, its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKeys {
    Number,
    TooLong,
    /// its `kid` is no plain name
    Name(usize),
    /// it has no `kid`, and is not alone
    Unnamed(usize),
    /// an earlier one has the same `kid`
    SameName(usize),
    /// it could be used with two algorithms, and does not say with which
    TwoAlgorithms(usize),
}

impl ClientKeys {
    pub fn new(keys: Vec<Jwk>) -> Result<Self, BadKeys> {
        if !(1..=limits::CLIENT_KEYS).contains(&keys.len()) {
            return Err(BadKeys::Number);
        }
        for (place, key) in keys.iter().enumerate() {
            match &key.id {
                Some(id) if !is_plain(id) => return Err(BadKeys::Name(place)),
                None if keys.len() > 1 => return Err(BadKeys::Unnamed(place)),
                Some(_) if keys[..place].iter().any(|other| other.id == key.id) => {
                    return Err(BadKeys::SameName(place));
                }
                _ => {}
            }
            // One key, one algorithm (RFC 8725, 3.1 and 3.2).
            if SigningAlgorithm::ALL.into_iter().filter(|algorithm| key.serves(*algorithm)).count() != 1 {
                return Err(BadKeys::TwoAlgorithms(place));
            }
        }
        let keys = ClientKeys(Arc::new(keys));
        if keys.text().len() > limits::CLIENT_KEYS_BYTES { Err(BadKeys::TooLong) } else { Ok(keys) }
    }

    /// The one that may have signed a text that names this key, or none, and this algorithm.
    pub fn candidate(&self, id: Option<&str>, algorithm: SigningAlgorithm) -> Option<&PublicKey> {
        jwk::candidates(&self.0, id, algorithm).first().copied()
    }

    /// As it is stored and told.
    pub fn text(&self) -> String {
        let keys: Vec<Map<String, Value>> = self.0.iter().map(Jwk::document).collect();
        serde_json::json!({"keys": keys}).to_string()
    }
}

/// It stands in events for good and in headers of others.
fn is_plain(id: &str) -> bool {
    (1..=limits::JOSE_NAME_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

impl TryFrom<Set> for ClientKeys {
    type Error = BadKeys;

    fn try_from(set: Set) -> Result<Self, BadKeys> {
        ClientKeys::new(set.keys)
    }
}

impl From<ClientKeys> for Set {
    fn from(keys: ClientKeys) -> Self {
        Set { keys: Arc::unwrap_or_clone(keys.0) }
    }
}

impl fmt::Display for BadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadKeys::Number => write!(f, "expected 1 to {} keys", limits::CLIENT_KEYS),
            BadKeys::TooLong => write!(
                f,
                "the keys are longer than {} bytes together; register fewer, or shorter ones",
                limits::CLIENT_KEYS_BYTES
            ),
            BadKeys::Name(place) => write!(
                f,
                "the kid of key {place} is to be 1 to {} visible ASCII characters",
                limits::JOSE_NAME_BYTES
            ),
            BadKeys::Unnamed(place) => {
                write!(f, "key {place} has no kid; where there are several, each needs its own")
            }
            BadKeys::SameName(place) => {
                write!(f, "the kid of key {place} is that of a key before it; give each its own")
            }
            BadKeys::TwoAlgorithms(place) => write!(
                f,
                "key {place} is an RSA key that serves two algorithms; say with alg whether it is RS256 or PS256"
            ),
        }
    }
}

impl std::error::Error for BadKeys {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base64url;
    use serde_json::json;

    fn key(members: Value) -> Jwk {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&[7; 32])});
        let own = key.as_object_mut().expect("an object");
        own.extend(members.as_object().expect("an object").clone());
        Jwk::read(own).expect("a key")
    }

    fn rsa(bytes: usize, members: Value) -> Jwk {
        let mut rsa = json!({"kty": "RSA", "e": "AQAB", "n": base64url::encode(&vec![0xff; bytes])});
        rsa.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        key(rsa)
    }

    fn of(keys: &[Value]) -> Result<ClientKeys, BadKeys> {
        ClientKeys::new(keys.iter().cloned().map(key).collect())
    }

    #[test]
    fn several_keys_have_a_name_each_and_one_needs_none() {
        assert!(of(&[json!({})]).is_ok());
        assert!(of(&[json!({"kid": "a"}), json!({"kid": "https://example.com/#2"})]).is_ok());
        let [none, twice] = [json!({"kid": "a"}), json!({})].map(|second| of(&[json!({"kid": "a"}), second]));
        assert_eq!((none, twice), (Err(BadKeys::SameName(1)), Err(BadKeys::Unnamed(1))));
        for kid in ["", "a b", "ä", "a\u{7}"] {
            assert_eq!(of(&[json!({"kid": kid})]), Err(BadKeys::Name(0)), "{kid:?}");
        }
    }

    #[test]
    fn keys_are_bounded_in_number_and_in_length() {
        let many = |number: usize| -> Vec<Value> {
            (0..number).map(|kid| json!({"kid": kid.to_string()})).collect()
        };
        assert!(of(&many(limits::CLIENT_KEYS)).is_ok());
        assert_eq!(of(&many(limits::CLIENT_KEYS + 1)), Err(BadKeys::Number));
        assert_eq!(of(&[]), Err(BadKeys::Number));
        let long = |number: usize| {
            ClientKeys::new(
                (0..number).map(|kid| rsa(1024, json!({"kid": kid.to_string(), "alg": "PS256"}))).collect(),
            )
        };
        assert!(long(5).is_ok());
        assert_eq!(long(6), Err(BadKeys::TooLong));
    }

    #[test]
    fn a_key_has_one_algorithm_and_is_found_by_it_and_by_its_name() {
        assert_eq!(ClientKeys::new(vec![rsa(256, json!({}))]), Err(BadKeys::TwoAlgorithms(0)));
        let keys =
            ClientKeys::new(vec![rsa(256, json!({"kid": "r", "alg": "RS256"})), key(json!({"kid": "e"}))]);
        let keys = keys.expect("keys");
        let found = |id, algorithm| keys.candidate(id, algorithm).is_some();
        assert!(found(Some("r"), SigningAlgorithm::Rs256) && found(None, SigningAlgorithm::Rs256));
        assert!(found(Some("e"), SigningAlgorithm::EdDsa) && !found(Some("e"), SigningAlgorithm::Rs256));
        assert!(!found(Some("r"), SigningAlgorithm::Ps256) && !found(None, SigningAlgorithm::Ps256));
        assert!(!found(Some("x"), SigningAlgorithm::EdDsa));
    }

    #[test]
    fn an_event_reads_back_as_it_was_written_and_holds_nothing_else() {
        let keys =
            of(&[json!({"kid": "a", "alg": "EdDSA", "key_ops": ["verify"], "ext": true})]).expect("keys");
        let written = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&[7; 32]), "use": "sig", "alg": "EdDSA", "kid": "a"
        }]});
        assert_eq!(serde_json::to_value(&keys).expect("JSON"), written);
        assert_eq!(serde_json::from_str::<Value>(&keys.text()).expect("JSON"), written);
        assert_eq!(serde_json::from_value::<ClientKeys>(written.clone()).expect("keys"), keys);
        for strange in [json!({"d": "AA"}), json!({"ext": true}), json!({"use": "enc"})] {
            let mut changed = written.clone();
            changed["keys"][0]
                .as_object_mut()
                .expect("an object")
                .extend(strange.as_object().expect("one").clone());
            assert!(serde_json::from_value::<ClientKeys>(changed).is_err(), "{strange}");
        }
        assert!(serde_json::from_value::<ClientKeys>(json!({"keys": []})).is_err());
    }
}
