//! What credentials may do, each once however many credentials may do it: found by its encoding, and counted.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use hashbrown::HashTable;

use super::edit::Why;
use super::slab::{Chunks, Full, Ordinals};
use crate::domain::credential::{AuthMethod, Client, Registration};
use crate::projections::policy::Policy;

/// The policies of revoked keys and of revoked clients, which had a secret or none; never given back.
const OF_NO_KEY: u32 = 0;
const OF_NO_CLIENT: u32 = 1;
const OF_NO_KEYED_CLIENT: u32 = 2;

pub struct Policies(Chunks<ArcSwapOption<Policy>>);

/// The writer's side: which policies there are, and how many credentials have each.
#[derive(Default)]
pub struct Book {
    ordinals: Ordinals,
    uses: Vec<u64>,
    /// the encoding of the policy at each ordinal
    encodings: Vec<Box<[u8]>>,
    by_encoding: HashTable<u32>,
    hash: RandomState,
}

impl Policies {
    pub fn new(book: &mut Book) -> Result<Self, Full> {
        let policies = Policies(Chunks::new());
        let of = |token_endpoint_auth_method| {
            let registration = Registration { token_endpoint_auth_method, ..Registration::default() };
            Some(Client { registration, tokens_revoked: 0 })
        };
        // Without its keys no assertion is held against anything.
        for client in [None, of(AuthMethod::ClientSecretBasic), of(AuthMethod::PrivateKeyJwt)] {
            let empty = book.ordinals.take(&policies.0)?;
            book.uses.push(1);
            book.encodings.push(Box::default());
            policies.put(empty, Some(Policy { client, ..Policy::default() }));
        }
        Ok(policies)
    }

    /// For whoever gives it back soon: no count is taken that others take too.
    #[inline]
    pub fn load(&self, ordinal: u32) -> Option<Guard<Option<Arc<Policy>>>> {
        Some(self.0.get(ordinal)?.load()).filter(|policy| policy.is_some())
    }

    #[inline]
    pub fn at(&self, ordinal: u32) -> Option<Arc<Policy>> {
        self.0.get(ordinal)?.load_full()
    }

    /// What a credential has of its policy when it is revoked: which kind it is.
    pub fn ended(&self, ordinal: u32) -> u32 {
        let policy = self.at(ordinal);
        let client = policy.as_ref().and_then(|policy| policy.client.as_ref());
        match client.map(|client| client.registration.token_endpoint_auth_method) {
            None => OF_NO_KEY,
            Some(AuthMethod::ClientSecretBasic) => OF_NO_CLIENT,
            Some(AuthMethod::PrivateKeyJwt) => OF_NO_KEYED_CLIENT,
        }
    }

    fn put(&self, ordinal: u32, policy: Option<Policy>) {
        if let Some(cell) = self.0.get(ordinal) {
            cell.store(policy.map(Arc::new));
        }
    }

    /// For one credential more; the encoding is as [`Policy::encode`] writes it.
    pub fn take(&self, book: &mut Book, encoded: &[u8]) -> Result<u32, Why> {
        let hash = book.hash.hash_one(encoded);
        let same = |ordinal: &u32| *book.encodings[*ordinal as usize] == *encoded;
        if let Some(&ordinal) = book.by_encoding.find(hash, same) {
            book.uses[ordinal as usize] += 1;
            return Ok(ordinal);
        }
        let policy = Policy::decode(encoded).map_err(|bad| bad.0)?;
        let ordinal = book.ordinals.take(&self.0)?;
        let place = ordinal as usize;
        if book.uses.len() <= place {
            book.uses.resize(place + 1, 0);
            book.encodings.resize(place + 1, Box::default());
        }
        (book.uses[place], book.encodings[place]) = (1, encoded.into());
        let (encodings, hasher) = (&book.encodings, &book.hash);
        book.by_encoding.insert_unique(hash, ordinal, |&other| hasher.hash_one(&*encodings[other as usize]));
        self.put(ordinal, Some(policy));
        Ok(ordinal)
    }

    pub fn give_back(&self, book: &mut Book, ordinal: u32) {
        let Some(uses) = book.uses.get_mut(ordinal as usize).filter(|_| ordinal > OF_NO_KEYED_CLIENT) else {
            return;
        };
        *uses -= 1;
        if *uses > 0 {
            return;
        }
        let encoded = std::mem::take(&mut book.encodings[ordinal as usize]);
        let hash = book.hash.hash_one(&*encoded);
        if let Ok(entry) = book.by_encoding.find_entry(hash, |&other| other == ordinal) {
            entry.remove();
        }
        book.ordinals.give_back(ordinal);
        self.put(ordinal, None);
    }

    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

impl Book {
    pub fn in_use(&self) -> u64 {
        self.ordinals.in_use()
    }
}
