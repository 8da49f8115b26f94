//! Ground: everything that touches secret material, and the only user of `ring`.
//!
//! One file holds the master keys, apart from the database. Peppers, macs and sealing keys derive from them; each digest,
//! mac and seal names the number of the key it was made under, so that keys rotate without re-issuing anything.

mod foreign;
mod id_bytes;
mod master_key;
mod pepper;
mod private_key;
mod rotation;
mod signature;
mod stand_in;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use uuid::Uuid;

use pepper::Pepper;

pub use foreign::ForeignKey;
pub use id_bytes::id_bytes;
pub use master_key::{KeyFileError, MasterKeys};
pub use pepper::Digesting;
pub use private_key::{BadPrivateKey, NewPrivateKey, NotSigned, PrivateKey};
pub use rotation::Rotation;
pub use signature::{PublicKey, SigningAlgorithm};

/// What a mac is over. A mac made for one purpose never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Event,
    Row,
    /// of a name that a row points to
    Name,
    /// of the row of a person's session
    Session,
    /// of what a DPoP proof repeats
    DpopNonce,
}

/// Bytes of a mac: the key's number, big-endian, then HMAC-SHA-256.
pub const MAC_BYTES: usize = 4 + 32;

/// Drawn for each seal, which so has a key of its own: the master key's never nears the number of texts that AES-GCM bears
/// with random nonces.
const SALT_BYTES: usize = 16;

/// The keys derived from one master key.
struct Derived {
    number: u32,
    pepper: Pepper,
    /// of digests that others made
    foreign: Pepper,
    /// of the ids of clients that have no secret
    client_ids: Pepper,
    event: hmac::Key,
    row: hmac::Key,
    name: hmac::Key,
    session: hmac::Key,
    dpop_nonce: hmac::Key,
    lookup: hmac::Key,
    sealing: hkdf::Prk,
}

/// A seal or its context did not open: other key, other context, or changed bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct NotOpened;

pub struct Vault {
    /// newest first; never empty
    keys: Vec<Derived>,
    random: SystemRandom,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub fn new(keys: &MasterKeys) -> Self {
        let keys = keys.newest_first().map(|(number, secret)| Derived::from(number, secret)).collect();
        Vault { keys, random: random_source() }
    }

    /// The number of the key that new digests, macs and seals are made under.
    pub fn newest(&self) -> u32 {
        self.keys[0].number
    }

    /// All key numbers, newest first: the order in which a caller's secret is looked up.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.keys.iter().map(|key| key.number)
    }

    /// HMAC-SHA-256 of a secret's text under one pepper; `None` when this vault has no such pepper.
    #[inline]
    pub fn digest(&self, pepper: u32, text: &[u8]) -> Option<[u8; 32]> {
        self.digesting(pepper, text).map(Digesting::finish)
    }

    /// Of a client's id alone, under a key of its own: what is found by it is found by no text that anybody shows, whatever
    /// that text is.
    pub fn client_id_digest(&self, pepper: u32, id: &str) -> Option<[u8; 32]> {
        Some(self.key(pepper)?.client_ids.digesting([id.as_bytes()]).finish())
    }

    /// The same as [`Vault::digest`], for whoever has something to do between its two halves.
    #[inline]
    pub fn digesting(&self, pepper: u32, text: &[u8]) -> Option<Digesting<'_>> {
        Some(self.key(pepper)?.pepper.digesting([text]))
    }

    /// A mac under the newest key over the parts, each preceded by its length.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let key = &self.keys[0];
        let mut mac = [0; MAC_BYTES];
        mac[..4].copy_from_slice(&key.number.to_be_bytes());
        mac[4..].copy_from_slice(signing(key.for_purpose(purpose), parts).sign().as_ref());
        mac
    }

    pub fn mac_holds(&self, purpose: Purpose, parts: &[&[u8]], mac: &[u8]) -> bool {
        let Some((number, tag)) = mac.split_first_chunk::<4>() else { return false };
        let Some(key) = self.key(u32::from_be_bytes(*number)) else { return false };
        let expected = signing(key.for_purpose(purpose), parts).sign();
        subtle::ConstantTimeEq::ct_eq(expected.as_ref(), tag).into()
    }

    /// A keyed digest for looking a value up again (an Idempotency-Key, an address). It is made under the oldest key, so
    /// that it stays the same when a newer one is added.
    pub fn lookup(&self, label: &str, value: &[u8]) -> [u8; 32] {
        let oldest = &self.keys[self.keys.len() - 1];
        tag_bytes(signing(&oldest.lookup, &[label.as_bytes(), value]).sign())
    }

    /// Two seals, one in the other: the inner under a key made of `context`, the outer under the newest master key. Whoever
    /// lacks either can't open it; and the outer one can be made anew by whoever doesn't know the context.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.seal_outside(&self.encrypt(&context_key(context), plain))
    }

    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        decrypt(&context_key(context), &self.open_outside(sealed)?)
    }

    /// The same seal with its outer half under the newest key; `None` when it is so already.
    pub fn reseal(&self, sealed: &[u8]) -> Result<Option<Vec<u8>>, NotOpened> {
        let inner = self.open_outside(sealed)?;
        let newest = sealed.starts_with(&self.newest().to_be_bytes());
        Ok((!newest).then(|| self.seal_outside(&inner)))
    }

    /// The key's number, big-endian, the salt, and what is encrypted.
    fn seal_outside(&self, inner: &[u8]) -> Vec<u8> {
        let (key, salt) = (&self.keys[0], self.bytes::<SALT_BYTES>());
        let text = self.encrypt(&sealing_key(&key.sealing, &salt), inner);
        [key.number.to_be_bytes().as_slice(), &salt, &text].concat()
    }

    fn open_outside(&self, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (number, rest) = sealed.split_first_chunk::<4>().ok_or(NotOpened)?;
        let (salt, text) = rest.split_first_chunk::<SALT_BYTES>().ok_or(NotOpened)?;
        let key = self.key(u32::from_be_bytes(*number)).ok_or(NotOpened)?;
        decrypt(&sealing_key(&key.sealing, salt), text)
    }

    /// A fresh nonce, then the text with its tag.
    fn encrypt(&self, key: &LessSafeKey, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = self.bytes();
        let mut text = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
            .unwrap_or_else(|_| panic!("AES-GCM seals any text under {} GiB", 64));
        [nonce.as_slice(), &text].concat()
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        fill_random(&self.random, bytes);
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A fresh UUIDv7 of the given instant.
    pub fn uuid(&self, at_millis: i64) -> Uuid {
        let millis = u64::try_from(at_millis).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    fn key(&self, number: u32) -> Option<&Derived> {
        self.keys.iter().find(|key| key.number == number)
    }
}

impl Derived {
    fn from(number: u32, secret: &[u8; 32]) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"credledger master key v1").extract(secret);
        let key_of = |label: &'static str| expand(&root, &[label.as_bytes()]);
        let mac_key = |label| hmac::Key::new(hmac::HMAC_SHA256, &key_of(label));
        Derived {
            number,
            pepper: Pepper::new(&key_of("pepper")),
            foreign: Pepper::new(&key_of("pepper of foreign digests")),
            client_ids: Pepper::new(&key_of("pepper of client ids")),
            event: mac_key("event mac"),
            row: mac_key("row mac"),
            name: mac_key("name mac"),
            session: mac_key("session mac"),
            dpop_nonce: mac_key("dpop nonce mac"),
            lookup: mac_key("lookup"),
            sealing: hkdf::Salt::new(hkdf::HKDF_SHA256, b"credledger sealing v1")
                .extract(&expand(&root, &[b"sealing"])),
        }
    }

    fn for_purpose(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::Event => &self.event,
            Purpose::Row => &self.row,
            Purpose::Name => &self.name,
            Purpose::Session => &self.session,
            Purpose::DpopNonce => &self.dpop_nonce,
        }
    }
}

/// Whoever knows the context has this key; the seal around it keeps everybody else from trying contexts.
fn context_key(context: &[u8]) -> LessSafeKey {
    sealing_key(&hkdf::Salt::new(hkdf::HKDF_SHA256, b"credledger context v1").extract(context), &[])
}

fn sealing_key(root: &hkdf::Prk, salt: &[u8]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, &expand(root, &[salt]));
    LessSafeKey::new(key.unwrap_or_else(|_| panic!("AES-256 takes a key of 32 bytes")))
}

fn decrypt(key: &LessSafeKey, text: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let (nonce, text) = text.split_first_chunk::<NONCE_LEN>().ok_or(NotOpened)?;
    let mut text = text.to_vec();
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut text);
    let length = opened.map_err(|_| NotOpened)?.len();
    text.truncate(length);
    Ok(text)
}

fn expand(root: &hkdf::Prk, info: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 32];
    root.expand(info, hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut key))
        .unwrap_or_else(|_| panic!("HKDF-SHA-256 gives 32 bytes"));
    key
}

fn signing(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Context {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context
}

fn tag_bytes(tag: hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// Random bytes for whoever has no vault at hand.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&random_source(), &mut bytes);
    bytes
}

// The one home of randomness; everybody else is handed it.
#[allow(clippy::disallowed_methods)]
fn random_source() -> SystemRandom {
    SystemRandom::new()
}

/// Without randomness nothing here can go on safely, so a failing kernel generator ends the process.
fn fill_random(random: &SystemRandom, bytes: &mut [u8]) {
    random.fill(bytes).unwrap_or_else(|_| panic!("the operating system gives no random bytes"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(numbers: &[u32]) -> Vault {
        Vault::new(&MasterKeys::for_tests(numbers))
    }

    #[test]
    fn a_digest_names_its_pepper_and_survives_a_new_one() {
        let (before, after) = (vault(&[1]), vault(&[1, 2]));
        assert_eq!(before.newest(), 1);
        assert_eq!(after.newest(), 2);
        assert_eq!(before.digest(1, b"text"), after.digest(1, b"text"));
        assert_ne!(after.digest(1, b"text"), after.digest(2, b"text"));
        assert_eq!(before.digest(2, b"text"), None);
        assert_eq!(before.lookup("key", b"text"), after.lookup("key", b"text"));
    }

    #[test]
    fn the_digest_of_an_id_is_that_of_no_text() {
        let vault = vault(&[1, 2]);
        let digest = vault.client_id_digest(1, "cl_client_1");
        assert!(digest.is_some());
        assert_ne!(digest, vault.client_id_digest(2, "cl_client_1"));
        assert_ne!(digest, vault.client_id_digest(1, "cl_client_2"));
        for text in ["cl_client_1", "cl_client_1:", ":cl_client_1"] {
            assert_ne!(digest, vault.digest(1, text.as_bytes()), "{text}");
        }
        assert_eq!(vault.client_id_digest(3, "cl_client_1"), None);
    }

    #[test]
    fn a_mac_holds_for_its_bytes_its_purpose_and_its_key_alone() {
        let vault = vault(&[1, 2]);
        let mac = vault.mac(Purpose::Event, &[b"ab", b"c"]);
        assert!(vault.mac_holds(Purpose::Event, &[b"ab", b"c"], &mac));
        assert!(!vault.mac_holds(Purpose::Event, &[b"a", b"bc"], &mac));
        assert!(!vault.mac_holds(Purpose::Row, &[b"ab", b"c"], &mac));
        assert!(!vault.mac_holds(Purpose::Event, &[b"ab", b"c"], &mac[..35]));
        let mut other_number = mac;
        other_number[3] = 1;
        assert!(!vault.mac_holds(Purpose::Event, &[b"ab", b"c"], &other_number));
        assert!(!vault.mac_holds(Purpose::Event, &[b"ab", b"c"], &[]));
    }

    #[test]
    fn a_seal_opens_with_its_context_alone_and_under_an_old_key_too() {
        let sealed = vault(&[1]).seal(b"context", b"the answer");
        let later = vault(&[1, 2]);
        assert_eq!(later.open(b"context", &sealed).as_deref(), Ok(b"the answer".as_slice()));
        assert_eq!(later.open(b"other", &sealed), Err(NotOpened));
        assert_eq!(vault(&[2]).open(b"context", &sealed), Err(NotOpened));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(later.open(b"context", &changed), Err(NotOpened), "{place}");
            assert_eq!(later.open(b"context", &sealed[..place]), Err(NotOpened), "{place}");
        }
    }

    #[test]
    fn a_seal_is_made_anew_without_its_context_and_opens_with_it_under_the_new_key_alone() {
        let (before, after) = (vault(&[1]), vault(&[1, 2]));
        let sealed = before.seal(b"context", b"the answer");
        assert_eq!(before.reseal(&sealed), Ok(None));
        let anew = after.reseal(&sealed).expect("it opens").expect("it was under an older key");
        assert_eq!(vault(&[2]).open(b"context", &anew).as_deref(), Ok(b"the answer".as_slice()));
        assert_eq!(before.open(b"context", &anew), Err(NotOpened));
        assert_eq!(after.open(b"other", &anew), Err(NotOpened));
        assert_eq!(after.reseal(&anew), Ok(None));
        assert_eq!(vault(&[2]).reseal(&sealed), Err(NotOpened));
    }

    #[test]
    fn ids_are_of_their_instant() {
        let id = vault(&[1]).uuid(1_800_000_000_000);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().map(|at| at.to_unix().0), Some(1_800_000_000));
    }
}
