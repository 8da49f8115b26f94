//! A scanner's public keys, as GitHub publishes them: P-256, in PEM, each under an identifier.

use std::collections::BTreeMap;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use crate::limits;
use crate::vault::PublicKey;

#[derive(Debug, Default)]
pub struct Keys(BTreeMap<String, PublicKey>);

/// No such list. It says what is wrong, and repeats nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub enum BadKeys {
    NoList,
    TooMany,
    NoneUsable,
}

impl std::fmt::Display for BadKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadKeys::NoList => f.write_str(
                "it is no JSON of the form {\"public_keys\": [{\"key_identifier\": …, \"key\": \"-----BEGIN PUBLIC KEY-----…\"}]}",
            ),
            BadKeys::TooMany => write!(f, "it holds more than {} keys", limits::SCANNER_KEYS),
            BadKeys::NoneUsable => f.write_str("it holds no P-256 key in PEM"),
        }
    }
}

#[derive(Deserialize)]
struct List {
    public_keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key_identifier: String,
    key: String,
}

impl Keys {
    /// A key of another kind is passed over: one day there may be some.
    pub fn parse(text: &[u8]) -> Result<Self, BadKeys> {
        let List { public_keys } = serde_json::from_slice(text).map_err(|_| BadKeys::NoList)?;
        if public_keys.len() > limits::SCANNER_KEYS {
            return Err(BadKeys::TooMany);
        }
        let read = |entry: Entry| {
            let der = SubjectPublicKeyInfoDer::from_pem_slice(entry.key.as_bytes()).ok()?;
            Some((entry.key_identifier, PublicKey::p256_of_spki(&der)?))
        };
        let keys: BTreeMap<_, _> = public_keys.into_iter().filter_map(read).collect();
        if keys.is_empty() { Err(BadKeys::NoneUsable) } else { Ok(Keys(keys)) }
    }

    pub fn knows(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// None: there is no such key.
    pub fn has_signed(&self, key: &str, body: &[u8], signature: &[u8]) -> Option<bool> {
        Some(self.0.get(key)?.has_signed_in_der(body, signature))
    }
}
