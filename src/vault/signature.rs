//! Signatures of others: whether a text was signed by the holder of a public key. The algorithms are a closed list; whoever
//! asks names one that it has chosen itself, never one that the text proposes.

use ring::digest::{SHA256, SHA384, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// By the names of RFC 7518 and RFC 8037. Neither `none` nor one with a shared secret is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    Rs256,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl SigningAlgorithm {
    pub const ALL: [SigningAlgorithm; 5] = [
        SigningAlgorithm::Rs256,
        SigningAlgorithm::Ps256,
        SigningAlgorithm::Es256,
        SigningAlgorithm::Es384,
        SigningAlgorithm::EdDsa,
    ];

    /// As it is written here.
    pub fn word(self) -> &'static str {
        self.words()[0]
    }

    /// As it is read: RFC 9864 has another name for the one curve of EdDSA that is taken.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            SigningAlgorithm::Rs256 => &["RS256"],
            SigningAlgorithm::Ps256 => &["PS256"],
            SigningAlgorithm::Es256 => &["ES256"],
            SigningAlgorithm::Es384 => &["ES384"],
            SigningAlgorithm::EdDsa => &["EdDSA", "Ed25519"],
        }
    }

    /// The left half of the hash that goes with the algorithm: what an `at_hash` is made of.
    pub fn half_hash(self, text: &[u8]) -> Vec<u8> {
        let hash = match self {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 | SigningAlgorithm::Es256 => &SHA256,
            SigningAlgorithm::Es384 => &SHA384,
            SigningAlgorithm::EdDsa => &SHA512,
        };
        let hash = digest(hash, text);
        hash.as_ref()[..hash.as_ref().len() / 2].to_vec()
    }

    /// By their names: what assertions and proofs may be signed with, as the metadata and challenges tell it. Neither `none` nor one
    /// with a shared secret is among them.
    pub fn words_of_all() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().flat_map(|algorithm| algorithm.words().iter().copied())
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.words().contains(&word))
    }
}

/// What a signature is held against. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// from 2048 to 8192 bits; both numbers big-endian
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// an uncompressed point
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// How X.509 says that a point of P-256 follows (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;

impl PublicKey {
    /// Of a SubjectPublicKeyInfo in DER. It has one form, for an uncompressed point.
    pub fn p256_of_spki(der: &[u8]) -> Option<Self> {
        let point = der.strip_prefix(&P256_SPKI)?;
        (point.len() == P256_POINT_BYTES && point.first() == Some(&4))
            .then(|| PublicKey::P256(point.to_vec()))
    }

    /// By ECDSA over P-256 with SHA-256, the signature as OpenSSL writes it: in DER, and not as JOSE does.
    pub fn has_signed_in_der(&self, text: &[u8], signature: &[u8]) -> bool {
        let PublicKey::P256(point) = self else { return false };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(text, signature).is_ok()
    }

    /// A key serves the algorithms of its own kind alone.
    pub fn serves(&self, algorithm: SigningAlgorithm) -> bool {
        matches!(
            (self, algorithm),
            (PublicKey::Rsa { .. }, SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256)
                | (PublicKey::P256(_), SigningAlgorithm::Es256)
                | (PublicKey::P384(_), SigningAlgorithm::Es384)
                | (PublicKey::Ed25519(_), SigningAlgorithm::EdDsa)
        )
    }

    pub fn has_signed(&self, algorithm: SigningAlgorithm, text: &[u8], signature: &[u8]) -> bool {
        let rsa = |modulus: &[u8], exponent: &[u8], parameters| {
            RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, text, signature)
        };
        let verified = match (self, algorithm) {
            (PublicKey::Rsa { modulus, exponent }, SigningAlgorithm::Rs256) => {
                rsa(modulus, exponent, &RSA_PKCS1_2048_8192_SHA256)
            }
            (PublicKey::Rsa { modulus, exponent }, SigningAlgorithm::Ps256) => {
                rsa(modulus, exponent, &RSA_PSS_2048_8192_SHA256)
            }
            (PublicKey::P256(point), SigningAlgorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature)
            }
            (PublicKey::P384(point), SigningAlgorithm::Es384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(text, signature)
            }
            (PublicKey::Ed25519(point), SigningAlgorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(text, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}
