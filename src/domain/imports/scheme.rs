//! How another product made the digests of its keys: what verify does to a text before it can be looked up.

use serde::{Deserialize, Serialize};

use super::format::ForeignFormat;
use crate::domain::base64url;
use crate::domain::secret::{Digest, PepperNumber};
use crate::limits;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "algorithm", deny_unknown_fields)]
pub enum Scheme {
    /// SHA-256 of the key
    #[serde(rename = "sha256")]
    Sha256 {},
    /// SHA-256 of the key and a salt of its own, which is found by the first characters of the key
    #[serde(rename = "sha256_salted")]
    Salted { side: Side, start_chars: u8 },
    /// HMAC-SHA-256 of the key under one that came with the import. It is sealed; the fingerprint, a keyed digest, says which
    /// one it is.
    #[serde(rename = "hmac_sha256")]
    Hmac { fingerprint: Digest, sealed: Sealed, sealed_under: PepperNumber },
}

/// Where the salt stands, seen from the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Before,
    After,
}

impl Side {
    pub const ALL: [Side; 2] = [Side::Before, Side::After];

    pub fn word(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}

/// A seal, as base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    pub fn new(seal: &[u8]) -> Self {
        Sealed(base64url::encode(seal))
    }

    pub fn bytes(&self) -> Option<Vec<u8>> {
        base64url::decode(&self.0)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

impl Scheme {
    /// Its name in events, and what a digest of it is wrapped with: digests of two schemes are never taken for each other.
    pub fn label(&self) -> String {
        match self {
            Scheme::Sha256 {} => "sha256".to_owned(),
            Scheme::Salted { side, .. } => format!("sha256_salted_{}", side.word()),
            Scheme::Hmac { fingerprint, .. } => {
                format!("hmac_sha256_{}", base64url::encode(fingerprint.bytes()))
            }
        }
    }

    /// The same work at verify, however it is sealed.
    pub fn is(&self, other: &Scheme) -> bool {
        match (self, other) {
            (Scheme::Hmac { fingerprint, .. }, Scheme::Hmac { fingerprint: other, .. }) => {
                fingerprint == other
            }
            (one, other) => one == other,
        }
    }

    /// Sealed under a newer key than the other one, which it is otherwise.
    pub(super) fn is_sealed_anew(&self, other: &Scheme) -> bool {
        match (self, other) {
            (Scheme::Hmac { sealed_under, .. }, Scheme::Hmac { sealed_under: other, .. }) => {
                sealed_under > other
            }
            _ => false,
        }
    }

    /// Whether keys of this format can be found by it.
    pub fn suits(&self, format: &ForeignFormat) -> Result<(), String> {
        let Scheme::Salted { start_chars, .. } = self else { return Ok(()) };
        let least = format.prefix().len() + usize::from(*limits::KEY_PUBLIC_CHARS.start());
        let most = format.most_known();
        match (least..=most).contains(&usize::from(*start_chars)) {
            true => Ok(()),
            false if least > most => Err(format!(
                "keys of this format are too short to be found by how they begin: that takes {least} characters, and {most} may be \
                 known"
            )),
            false => {
                Err(format!("keys of this format are found by their first {least} to {most} characters"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::imports::format::Alphabet;

    #[test]
    fn a_scheme_is_itself_under_every_seal() {
        let hmac = |key: u8, under| Scheme::Hmac {
            fingerprint: Digest::new([key; 32]),
            sealed: Sealed::new(&[key, under]),
            sealed_under: PepperNumber(under.into()),
        };
        assert!(hmac(1, 1).is(&hmac(1, 2)));
        assert!(!hmac(1, 1).is(&hmac(2, 1)));
        assert!(hmac(1, 2).is_sealed_anew(&hmac(1, 1)));
        assert!(!hmac(1, 1).is_sealed_anew(&hmac(1, 1)));
        assert_ne!(hmac(1, 1).label(), hmac(2, 1).label());
        assert!(!Scheme::Sha256 {}.is(&hmac(1, 1)));
    }

    #[test]
    fn a_salted_key_is_found_by_enough_of_its_beginning() {
        let long = ForeignFormat::new("sk_", Alphabet::Base62, 40..=40).expect("a format");
        let by = |start_chars| Scheme::Salted { side: Side::After, start_chars };
        assert!(by(8).suits(&long).is_err());
        assert!(by(9).suits(&long).is_ok());
        assert!(by(15).suits(&long).is_ok());
        assert!(by(16).suits(&long).is_err());
        let short = ForeignFormat::new("sk_", Alphabet::Base62, 20..=20).expect("a format");
        assert!(by(9).suits(&short).is_err());
        assert!(Scheme::Sha256 {}.suits(&short).is_ok());
    }

    #[test]
    fn it_travels_in_events_and_its_seal_is_not_printed() {
        let hmac = Scheme::Hmac {
            fingerprint: Digest::new([1; 32]),
            sealed: Sealed::new(b"sealed"),
            sealed_under: PepperNumber(2),
        };
        for scheme in [Scheme::Sha256 {}, Scheme::Salted { side: Side::Before, start_chars: 9 }, hmac] {
            let text = serde_json::to_string(&scheme).expect("JSON");
            assert_eq!(serde_json::from_str::<Scheme>(&text).expect("a scheme"), scheme);
            assert!(!format!("{scheme:?}").contains("c2VhbGVk"));
        }
        assert!(serde_json::from_str::<Scheme>(r#"{"algorithm":"sha256","x":1}"#).is_err());
    }
}
