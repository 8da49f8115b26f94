//! Digests that other products made of their keys, and what becomes of them here.

use ring::hmac;

use super::{NotOpened, Vault, tag_bytes};

/// What the key of an import is sealed for.
const SEALED_FOR: &[u8] = b"credledger imported hmac key";

/// The key under which another product made its digests. It can't be printed.
pub struct ForeignKey(hmac::Key);

impl ForeignKey {
    pub fn digest(&self, text: &[u8]) -> [u8; 32] {
        tag_bytes(hmac::sign(&self.0, text))
    }
}

impl std::fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForeignKey")
    }
}

impl Vault {
    /// The only form in which a foreign digest may be stored: an HMAC of it and of the way it was made, each preceded by its
    /// length, under a pepper.
    pub fn wrapped(&self, pepper: u32, scheme: &str, foreign: &[u8; 32]) -> Option<[u8; 32]> {
        let pepper = &self.key(pepper)?.foreign;
        let [scheme_bytes, bytes] = [scheme.len(), foreign.len()].map(|length| (length as u64).to_be_bytes());
        Some(pepper.digesting([&scheme_bytes, scheme.as_bytes(), &bytes, foreign]).finish())
    }

    pub fn seal_foreign_key(&self, key: &[u8]) -> Vec<u8> {
        self.seal(SEALED_FOR, key)
    }

    pub fn open_foreign_key(&self, sealed: &[u8]) -> Result<ForeignKey, NotOpened> {
        let key = zeroize::Zeroizing::new(self.open(SEALED_FOR, sealed)?);
        Ok(ForeignKey(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKeys;

    #[test]
    fn a_foreign_digest_is_wrapped_with_its_scheme_under_a_pepper_of_its_own() {
        let vault = Vault::new(&MasterKeys::for_tests(&[1, 2]));
        let wrapped = vault.wrapped(1, "sha256", &[7; 32]);
        assert!(wrapped.is_some());
        assert_ne!(wrapped, vault.wrapped(2, "sha256", &[7; 32]));
        assert_ne!(wrapped, vault.wrapped(1, "sha256_salted_after", &[7; 32]));
        assert_ne!(wrapped, vault.digest(1, &[7; 32]));
        assert_eq!(vault.wrapped(3, "sha256", &[7; 32]), None);
        // Digests that are stored were made so.
        let message =
            [&[0, 0, 0, 0, 0, 0, 0, 6], b"sha256".as_slice(), &[0, 0, 0, 0, 0, 0, 0, 32], &[7; 32]].concat();
        let pepper = &vault.key(1).expect("a key").foreign;
        assert_eq!(wrapped, Some(pepper.digesting([&message]).finish()));
    }

    #[test]
    fn an_imported_key_is_opened_from_its_seal_alone_and_makes_hmacs() {
        let before = Vault::new(&MasterKeys::for_tests(&[1]));
        let sealed = before.seal_foreign_key(b"Jefe");
        let later = Vault::new(&MasterKeys::for_tests(&[1, 2]));
        let key = later.open_foreign_key(&sealed).expect("it opens");
        // RFC 4231, test case 2
        let digest = key.digest(b"what do ya want for nothing?");
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(format!("{key:?}"), "ForeignKey");
        assert!(Vault::new(&MasterKeys::for_tests(&[3])).open_foreign_key(&sealed).is_err());
    }
}
