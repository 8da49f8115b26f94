//! Keys that tokens are signed with. A private half is made or taken in here, sealed for its row, and opened from it; nobody
//! prints it, and nobody writes it down in another form.

use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::{Zeroize, Zeroizing};

use super::{NotOpened, PublicKey, SigningAlgorithm, Vault};

const SEALED_FOR: &[u8] = b"credledger signing key\0";
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Signs. It can't be printed or serialised.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Rsa(Box<RsaKeyPair>),
}

/// A private half that is in no seal yet: with the bytes that are to be sealed, which are wiped when it is dropped.
pub struct NewPrivateKey {
    pub key: PrivateKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// Why a private key is not taken in; what it is is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPrivateKey {
    /// no single PKCS#8 in PEM
    Form,
    /// neither RSA of 2048 to 4096 bits nor P-256 nor Ed25519, or its halves do not fit
    Kind,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl std::fmt::Debug for NewPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPrivateKey")
    }
}

impl PrivateKey {
    /// Of PKCS#8, whichever of the three kinds it is of; Ed25519 without its public half, too.
    fn from_pkcs8(der: &[u8], vault: &Vault) -> Result<Self, BadPrivateKey> {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &vault.random) {
            let public = PublicKey::P256(pair.public_key().as_ref().to_vec());
            return Ok(PrivateKey { pair: Pair::P256(Box::new(pair)), public });
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let public = PublicKey::Ed25519(pair.public_key().as_ref().to_vec());
            return Ok(PrivateKey { pair: Pair::Ed25519(Box::new(pair)), public });
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| BadPrivateKey::Kind)?;
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = PublicKey::Rsa { modulus: n, exponent: e };
        Ok(PrivateKey { pair: Pair::Rsa(Box::new(pair)), public })
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The one that it signs with: a key serves one alone.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::P256(_) => SigningAlgorithm::Es256,
            Pair::Ed25519(_) => SigningAlgorithm::EdDsa,
            Pair::Rsa(_) => SigningAlgorithm::Rs256,
        }
    }
}

impl Vault {
    /// A fresh key; `None` for an algorithm whose keys are not made here.
    pub fn make_private_key(&self, algorithm: SigningAlgorithm) -> Option<NewPrivateKey> {
        let made = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.random)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&self.random),
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 | SigningAlgorithm::Es384 => return None,
        };
        let made = made.unwrap_or_else(|_| panic!("the operating system gives no random bytes"));
        let pkcs8 = Zeroizing::new(made.as_ref().to_vec());
        let key = PrivateKey::from_pkcs8(&pkcs8, self);
        let key = key.unwrap_or_else(|_| panic!("what was just made is a key"));
        Some(NewPrivateKey { key, pkcs8 })
    }

    /// A key that somebody else made: one PKCS#8 in PEM, unencrypted. One that does not verify what it signs is none.
    pub fn take_private_key(&self, pem: &str) -> Result<NewPrivateKey, BadPrivateKey> {
        let text = pem.trim();
        let one = text.starts_with(PEM_BEGIN)
            && text.ends_with(PEM_END)
            && text.matches("-----BEGIN").count() == 1
            && text.matches("-----END").count() == 1;
        if !one {
            return Err(BadPrivateKey::Form);
        }
        let read = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let mut der = read.map_err(|_| BadPrivateKey::Form)?;
        let pkcs8 = Zeroizing::new(der.secret_pkcs8_der().to_vec());
        der.zeroize();
        let key = PrivateKey::from_pkcs8(&pkcs8, self)?;
        let signature = self.sign(&key, PEM_BEGIN.as_bytes()).map_err(|_| BadPrivateKey::Kind)?;
        let holds = key.public.has_signed(key.algorithm(), PEM_BEGIN.as_bytes(), &signature);
        if holds { Ok(NewPrivateKey { key, pkcs8 }) } else { Err(BadPrivateKey::Kind) }
    }

    /// As JWS has a signature: both numbers of a curve one after the other, never DER. An error only where the key's own
    /// arithmetic fails.
    pub fn sign(&self, key: &PrivateKey, text: &[u8]) -> Result<Vec<u8>, NotSigned> {
        match &key.pair {
            Pair::P256(pair) => Ok(pair.sign(&self.random, text).map_err(|_| NotSigned)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(text).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &self.random, text, &mut signature);
                signed.map(|()| signature).map_err(|_| NotSigned)
            }
        }
    }

    /// For the row of this key id, and no other.
    pub fn seal_private_key(&self, id: &str, new: &NewPrivateKey) -> Vec<u8> {
        self.seal(&[SEALED_FOR, id.as_bytes()].concat(), &new.pkcs8)
    }

    pub fn open_private_key(&self, id: &str, sealed: &[u8]) -> Result<PrivateKey, NotOpened> {
        let pkcs8 = Zeroizing::new(self.open(&[SEALED_FOR, id.as_bytes()].concat(), sealed)?);
        PrivateKey::from_pkcs8(&pkcs8, self).map_err(|_| NotOpened)
    }
}

/// The key's own arithmetic failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

#[cfg(test)]
#[path = "private_key_test.rs"]
mod tests;
