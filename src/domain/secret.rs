//! A secret in its two forms: the plain text, seen once, and the digest, the only form that may be stored.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::base64url;

/// The text of a key, token or password. It can't be printed or serialised, and is wiped when dropped.
pub struct PlainSecret(Zeroizing<String>);

impl PlainSecret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// For the one answer that shows it, and for reading its form.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// For hashing.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret")
    }
}

impl<'de> Deserialize<'de> for PlainSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The HMAC of a secret under a pepper. Compared in constant time; written as base64url.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it is written.
    pub fn text(&self) -> String {
        base64url::encode(&self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64url::decode(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not 32 bytes as base64url without padding"))
    }
}

/// Which pepper a digest was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PepperNumber(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_material_prints_its_types_name_alone() {
        let secret: PlainSecret = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "PlainSecret Some(PlainSecret)");
        assert_eq!((secret.reveal(), secret.bytes()), ("hunter2", &b"hunter2"[..]));
        assert_eq!(format!("{:#?}", Digest::new([7; 32])), "Digest");
    }

    #[test]
    fn a_digest_travels_as_base64url() {
        let digest = Digest::new([0xfb; 32]);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(text, format!(r#""{}-_s""#, "-_v7".repeat(10)));
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert_ne!(digest, Digest::new([0; 32]));
        for bad in [r#""""#, r#""-_v7""#, r#""A""#, "7"] {
            assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&PepperNumber(3)).unwrap(), "3");
    }
}
