//! Everything that readers look at, and the writer's books about it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::answer::Counts;
use super::endings;
use super::entries::{MemberEntry, OperatorEntry, TenantEntry};
use super::foreign::{SaltBook, Salts};
use super::forms::CurrentForms;
use super::index::{self, Entry, Index, LOOSE, TIGHT};
use super::kept::{self, Kept};
use super::layout::{
    CREDENTIAL_WORDS, Credential, DEAD_WORDS, EXPIRING_WORDS, TENANT_WORDS, tag_of, tag_of_id,
};
use super::policies::{self, Policies};
use super::revoked::{self, RevokedTokens};
use super::seqlock::Seqlock;
use super::slab::{Chunks, Full, Ordinals, Records};
use super::texts::{self, Texts};
use crate::domain::formats::Formats;
use crate::domain::signing_keys::Keys;
use crate::projections::secrets::DigestHalf;

/// Read without a lock, by looks through `lock`. Only whoever holds the [`Books`] writes.
pub struct Store {
    pub lock: Seqlock,
    /// how many events were applied
    pub applied: AtomicU64,
    /// the time of the last of them
    pub last_at: AtomicU64,
    pub forms: CurrentForms,
    /// those that are published
    pub signing_keys: ArcSwap<Keys>,
    pub salts: Salts,
    /// by public part; imported ones and those of clients by digest, and the latter by id too
    pub secrets: Index,
    pub by_id: Index,
    pub credentials: Records<CREDENTIAL_WORDS>,
    pub expiring: Records<EXPIRING_WORDS>,
    pub dead: Records<DEAD_WORDS>,
    pub texts: Texts,
    pub prefixes: Chunks<OnceLock<Box<str>>>,
    pub policies: Policies,
    pub revoked_tokens: RevokedTokens,
    pub tenants: Kept<TenantEntry>,
    /// at the tenants' own ordinals
    pub tenant_records: Records<TENANT_WORDS>,
    pub tenants_by_slug: Index,
    pub members: Kept<MemberEntry>,
    pub operators: Kept<OperatorEntry>,
    /// by digest, to the operator
    pub tokens: Index,
    slug_hash: RandomState,
    /// of the tags of public parts
    pub seed: u64,
}

/// Whose secrets begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixOf {
    Keys,
    ForeignKeys,
    Clients,
}

impl PrefixOf {
    pub const COUNT: usize = 3;
}

/// The writer's own knowledge of what is in use.
#[derive(Default)]
pub struct Books {
    pub formats: Formats,
    pub client_secrets: Formats,
    /// events that declared what imported keys look like
    pub declared: u32,
    /// events of the signing keys
    pub signing_keys: u32,
    pub salts: SaltBook,
    pub secrets: index::Book,
    pub by_id: index::Book,
    pub credentials: Ordinals,
    pub expiring: Ordinals,
    pub dead: Ordinals,
    pub texts: texts::Book,
    /// by whose they are: a prefix tells what its secret is found by
    pub prefixes: [HashMap<Box<str>, u32>; PrefixOf::COUNT],
    /// whose each is
    pub prefix_owners: Vec<PrefixOf>,
    pub prefix_ordinals: Ordinals,
    pub policies: policies::Book,
    pub revoked_tokens: revoked::Book,
    pub endings: endings::Book,
    pub tenants: kept::Book,
    pub tenants_by_slug: index::Book,
    pub members: kept::Book,
    pub operators: kept::Book,
    pub tokens: index::Book,
    pub token_count: u64,
    /// credentials that have an active secret and are not revoked
    pub active: u64,
}

/// The kind of the entries of every index that leads to one kind of record alone.
const ONLY: u8 = 1;

impl Store {
    pub fn new() -> Result<(Store, Books), Full> {
        let mut books = Books::default();
        let store = Store {
            lock: Seqlock::new(),
            applied: AtomicU64::new(0),
            last_at: AtomicU64::new(0),
            forms: CurrentForms::default(),
            signing_keys: ArcSwap::default(),
            salts: Salts::new()?,
            secrets: Index::new(LOOSE)?,
            by_id: Index::new(TIGHT)?,
            credentials: Records::new(),
            expiring: Records::new(),
            dead: Records::new(),
            texts: Texts::new(),
            prefixes: Chunks::new(),
            policies: Policies::new(&mut books.policies)?,
            revoked_tokens: RevokedTokens::new()?,
            tenants: Kept::new()?,
            tenant_records: Records::new(),
            tenants_by_slug: Index::new(LOOSE)?,
            members: Kept::new()?,
            operators: Kept::new()?,
            tokens: Index::new(LOOSE)?,
            slug_hash: RandomState::new(),
            seed: RandomState::new().hash_one("public parts"),
        };
        Ok((store, books))
    }

    /// Memory for whatever one event may need, taken before readers have to wait.
    pub fn prepare(&self, books: &Books) -> Result<(), Full> {
        self.secrets.prepare(&books.secrets)?;
        self.by_id.prepare(&books.by_id)?;
        self.texts.prepare(&books.texts)?;
        self.salts.prepare(&books.salts)?;
        self.revoked_tokens.prepare(&books.revoked_tokens)?;
        books.credentials.prepare(&self.credentials)?;
        books.expiring.prepare(&self.expiring)?;
        books.dead.prepare(&self.dead)
    }

    pub fn credential_ordinal(&self, id: uuid::Uuid) -> Option<u32> {
        self.by_id.find(tag_of_id(id), |entry| {
            let words = self.credentials.read(entry.ordinal)?;
            (Credential::of(&words).id == id).then_some(entry.ordinal)
        })
    }

    pub fn tenant_ordinal_of_slug(&self, slug: &str) -> Option<u32> {
        self.tenants_by_slug.find(self.tag_of_slug(slug), |entry| {
            let tenant = self.tenants.load(entry.ordinal)?;
            tenant.as_ref().is_some_and(|tenant| *tenant.slug == *slug).then_some(entry.ordinal)
        })
    }

    /// Slugs are chosen by people, so their hash is seeded.
    pub fn tag_of_slug(&self, slug: &str) -> u32 {
        self.slug_hash.hash_one(slug) as u32
    }

    /// The operator that has a token of this digest, and the token's place in it.
    pub fn token(&self, digest: &DigestHalf) -> Option<(Arc<OperatorEntry>, usize)> {
        self.tokens.find(tag_of(digest), |entry| {
            let operator = self.operators.at(entry.ordinal)?;
            let place = operator.tokens.iter().position(|token| token.digest == *digest)?;
            Some((operator, place))
        })
    }

    pub fn counts(&self, books: &Books) -> Counts {
        let indexes = [&self.secrets, &self.by_id, &self.tenants_by_slug, &self.tokens];
        let records = [
            self.credentials.bytes(),
            self.expiring.bytes(),
            self.dead.bytes(),
            self.texts.bytes(),
            self.prefixes.bytes(),
            self.policies.bytes(),
            self.tenants.bytes(),
            self.tenant_records.bytes(),
            self.members.bytes(),
            self.operators.bytes(),
            self.salts.bytes(),
            self.revoked_tokens.bytes(),
        ];
        let credentials = books.credentials.in_use();
        Counts {
            tenants: books.tenants.in_use(),
            credentials,
            living_secrets: books.active + books.expiring.in_use(),
            dead_secrets: books.dead.in_use() + credentials - books.active,
            policies: books.policies.in_use(),
            members: books.members.in_use(),
            operators: books.operators.in_use(),
            operator_tokens: books.token_count,
            revoked_tokens: books.revoked_tokens.in_use(),
            bytes: records.iter().sum::<u64>() + indexes.map(Index::bytes).iter().sum::<u64>(),
        }
    }

    /// How many events were applied, and the time of the last: part of a look.
    #[inline]
    pub fn head(&self) -> (u64, u64) {
        (self.applied.load(Ordering::Relaxed), self.last_at.load(Ordering::Relaxed))
    }
}

/// Of an index that leads to one kind of record alone.
pub fn only(tag: u32, ordinal: u32) -> Entry {
    Entry { tag, kind: ONLY, ordinal }
}
