//! The single steps that events and loaded rows amount to. The writer's turn is held around them.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::answer::Prefix;
use super::entries::{OperatorEntry, TenantEntry};
use super::index::Entry;
use super::layout::{
    ACTIVE, Credential, DEAD, Dead, EXPIRING, Expiring, Living, Public, tag_of, tag_of_id, tag_of_public,
};
use super::slab::Full;
use super::store::{Books, NO_POLICY, Store};
use crate::clock::Timestamp;
use crate::domain::ids::{CredentialId, SecretId, TokenId};
use crate::domain::key_format::KeyFormat;
use crate::limits;
use crate::projections::policy::Policy;
use crate::projections::secrets::DigestHalf;

/// What does not fit what the view holds.
pub type Why = &'static str;

impl From<Full> for Why {
    fn from(_: Full) -> Why {
        "the view is full; the bounds of one process are in limits.rs under VIEW_"
    }
}

pub struct Edit<'a> {
    pub store: &'a Store,
    pub books: &'a mut Books,
}

/// A new secret, as an event or a row names it.
pub struct NewSecret<'a> {
    pub id: SecretId,
    pub digest: DigestHalf,
    pub prefix: &'a str,
    pub ends_at: Option<Timestamp>,
}

pub struct NewCredential<'a> {
    pub id: CredentialId,
    pub tenant: Uuid,
    pub version: u32,
    pub name: Option<&'a str>,
    pub expires_at: Option<Timestamp>,
    pub suspended: bool,
    pub revoked: bool,
    /// as [`Policy::encode`] writes it
    pub policy: &'a [u8],
}

impl Edit<'_> {
    // ---- credentials ----

    pub fn credential(&self, ordinal: u32) -> Result<Credential, Why> {
        let words = self.store.credentials.read(ordinal).ok_or("a credential's record is missing")?;
        Ok(Credential::of(&words))
    }

    pub fn write_credential(&self, ordinal: u32, credential: &Credential) {
        self.store.credentials.write(ordinal, credential.words());
    }

    pub fn add_credential(&mut self, new: &NewCredential<'_>) -> Result<u32, Why> {
        if self.store.credential_ordinal(new.id.0).is_some() {
            return Err("the credential is there already");
        }
        let tenant = self.store.tenant_ordinal(new.tenant).ok_or("its tenant is unknown")?;
        let policy = if new.revoked { NO_POLICY } else { self.intern_policy(new.policy)? };
        let ordinal = self.books.credentials.take(&self.store.credentials)?;
        let mut credential = Credential {
            id: new.id.0,
            expires_at: new.expires_at,
            name_bytes: 0,
            named: false,
            suspended: new.suspended,
            revoked: new.revoked,
            has_active: false,
            tenant,
            policy,
            expiring: 0,
            version: new.version,
            name: 0,
            secret: [0; 7],
        };
        self.set_name(&mut credential, new.name)?;
        self.write_credential(ordinal, &credential);
        self.store.by_id.insert(&mut self.books.by_id, Store::only(tag_of_id(new.id.0), ordinal))?;
        Ok(ordinal)
    }

    pub fn set_name(&mut self, credential: &mut Credential, name: Option<&str>) -> Result<(), Why> {
        let text = name.unwrap_or_default();
        if text.len() > limits::VIEW_NAME_BYTES {
            return Err("its name is longer than a name may be");
        }
        let old = usize::from(credential.name_bytes);
        self.store.texts.give_back(&mut self.books.texts, credential.name, old);
        credential.name = self.store.texts.put(&mut self.books.texts, text)?;
        credential.name_bytes = text.len() as u16;
        credential.named = name.is_some();
        Ok(())
    }

    pub fn revoke(&mut self, ordinal: u32, credential: &mut Credential) -> Result<(), Why> {
        self.release_policy(credential.policy);
        credential.policy = NO_POLICY;
        credential.revoked = true;
        self.books.active -= u64::from(credential.has_active);
        let expiring: Vec<_> = self.expiring_secrets(credential).collect();
        expiring.iter().try_for_each(|(place, secret)| self.bury(ordinal, credential, *place, secret, false))
    }

    // ---- secrets ----

    fn living(&mut self, new: &NewSecret<'_>) -> Result<Living, Why> {
        let (prefix, public) = self.split_prefix(new.prefix)?;
        Ok(Living { digest: new.digest, id: new.id.0, prefix, public, ends_at: new.ends_at })
    }

    pub fn add_active(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        new: &NewSecret<'_>,
    ) -> Result<(), Why> {
        let living = self.living(new)?;
        credential.set_active(&living);
        self.books.active += u64::from(!credential.revoked);
        let entry = Entry { tag: self.tag(&living)?, kind: ACTIVE, ordinal };
        Ok(self.store.secrets.insert(&mut self.books.secrets, entry)?)
    }

    pub fn add_expiring(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        new: &NewSecret<'_>,
    ) -> Result<(), Why> {
        let living = self.living(new)?;
        let place = self.link_expiring(ordinal, credential, living)?;
        let entry = Entry { tag: self.tag(&living)?, kind: EXPIRING, ordinal: place };
        Ok(self.store.secrets.insert(&mut self.books.secrets, entry)?)
    }

    pub fn add_dead(&mut self, ordinal: u32, new: &NewSecret<'_>, by_hand: bool) -> Result<(), Why> {
        let living = self.living(new)?;
        let place = self.write_dead(ordinal, &living, by_hand)?;
        let entry = Entry { tag: self.tag(&living)?, kind: DEAD, ordinal: place };
        Ok(self.store.secrets.insert(&mut self.books.secrets, entry)?)
    }

    /// The active secret moves out of its credential's record, into its grace window.
    pub fn rotate_out(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        ends_at: Timestamp,
    ) -> Result<(), Why> {
        if !credential.has_active {
            return Err("the credential has no active secret");
        }
        let living = Living { ends_at: Some(ends_at), ..credential.active() };
        credential.has_active = false;
        self.books.active -= 1;
        let place = self.link_expiring(ordinal, credential, living)?;
        let from = Entry { tag: self.tag(&living)?, kind: ACTIVE, ordinal };
        let to = Entry { kind: EXPIRING, ordinal: place, ..from };
        self.repoint(from, to)
    }

    fn link_expiring(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        secret: Living,
    ) -> Result<u32, Why> {
        let place = self.books.expiring.take(&self.store.expiring)?;
        let expiring = Expiring { secret, credential: ordinal, next: credential.expiring };
        self.store.expiring.write(place, expiring.words());
        credential.expiring = place + 1;
        Ok(place)
    }

    /// Those in a grace window, newest first, each with its place.
    pub fn expiring_secrets(
        &self,
        credential: &Credential,
    ) -> impl Iterator<Item = (u32, Expiring)> + use<'_> {
        let at = |link: u32| {
            let place = link.checked_sub(1)?;
            Some((place, Expiring::of(&self.store.expiring.read(place)?)))
        };
        std::iter::successors(at(credential.expiring), move |(_, expiring)| at(expiring.next))
    }

    pub fn find_expiring(&self, credential: &Credential, id: SecretId) -> Result<(u32, Expiring), Why> {
        let found = self.expiring_secrets(credential).find(|(_, expiring)| expiring.secret.id == id.0);
        found.ok_or("it names a secret that is in no grace window")
    }

    pub fn move_end(&self, place: u32, expiring: &Expiring, ends_at: Timestamp) {
        let secret = Living { ends_at: Some(ends_at), ..expiring.secret };
        self.store.expiring.write(place, Expiring { secret, ..*expiring }.words());
    }

    /// From its grace window into the smaller record that only says why it is refused.
    pub fn bury(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        place: u32,
        expiring: &Expiring,
        by_hand: bool,
    ) -> Result<(), Why> {
        self.unlink(credential, place, expiring.next)?;
        let from = Entry { tag: self.tag(&expiring.secret)?, kind: EXPIRING, ordinal: place };
        let grave = self.write_dead(ordinal, &expiring.secret, by_hand)?;
        self.repoint(from, Entry { kind: DEAD, ordinal: grave, ..from })?;
        self.store.expiring.write(place, [0; 8]);
        self.books.expiring.give_back(place);
        Ok(())
    }

    fn unlink(&self, credential: &mut Credential, place: u32, next: u32) -> Result<(), Why> {
        if credential.expiring == place + 1 {
            credential.expiring = next;
            return Ok(());
        }
        let before = self.expiring_secrets(credential).find(|(_, before)| before.next == place + 1);
        let (at, before) = before.ok_or("a grace window is in no list")?;
        self.store.expiring.write(at, Expiring { next, ..before }.words());
        Ok(())
    }

    fn write_dead(&mut self, ordinal: u32, secret: &Living, by_hand: bool) -> Result<u32, Why> {
        let Living { id, prefix, public, .. } = *secret;
        let grave = self.books.dead.take(&self.store.dead)?;
        let dead = Dead { id, prefix, public, credential: ordinal, by_hand };
        self.store.dead.write(grave, dead.words(&secret.digest));
        Ok(grave)
    }

    fn repoint(&mut self, from: Entry, to: Entry) -> Result<(), Why> {
        let there = self.store.secrets.replace(from, Some(to), &mut self.books.secrets);
        if there { Ok(()) } else { Err("a secret's index entry is missing") }
    }

    // ---- what is kept once ----

    /// Where a secret stands in the index follows from its prefix, which its record holds.
    fn tag(&self, secret: &Living) -> Result<u32, Why> {
        let mut prefix = Prefix::EMPTY;
        let shared = self.store.prefixes.get(secret.prefix).and_then(OnceLock::get);
        let whole =
            prefix.push(shared.ok_or("a prefix is missing")?.as_bytes()) && secret.public.unpack(&mut prefix);
        let tag = tag_of_public(self.store.seed, &prefix).filter(|_| whole);
        tag.ok_or("a secret's prefix is of no key format")
    }

    /// The part up to the last `_` is shared by many; what follows is packed.
    fn split_prefix(&mut self, text: &str) -> Result<(u32, Public), Why> {
        let (shared, public) = text.split_at(text.rfind('_').map_or(0, |place| place + 1));
        let fits = limits::KEY_PREFIX_CHARS.contains(&shared.len());
        let public = Public::pack(public).filter(|_| fits);
        Ok((self.intern_prefix(shared)?, public.ok_or("a secret's prefix is of no key format")?))
    }

    fn intern_prefix(&mut self, shared: &str) -> Result<u32, Why> {
        if let Some(&ordinal) = self.books.prefixes.get(shared) {
            return Ok(ordinal);
        }
        let ordinal = self.books.prefix_ordinals.take(&self.store.prefixes)?;
        let cell: &OnceLock<Box<str>> = self.store.prefixes.get(ordinal).ok_or(Full)?;
        cell.set(shared.into()).map_err(|_| "a prefix's place was taken")?;
        self.books.prefixes.insert(shared.into(), ordinal);
        Ok(ordinal)
    }

    pub fn intern_policy(&mut self, encoded: &[u8]) -> Result<u32, Why> {
        let book = &mut self.books.policies;
        let hash = book.hash.hash_one(encoded);
        let same = |ordinal: &u32| *book.encodings[*ordinal as usize] == *encoded;
        if let Some(&ordinal) = book.by_encoding.find(hash, same) {
            book.uses[ordinal as usize] += 1;
            return Ok(ordinal);
        }
        let policy = Policy::decode(encoded).map_err(|bad| bad.0)?;
        let ordinal = book.ordinals.take(&self.store.policies)?;
        let place = ordinal as usize;
        if book.uses.len() <= place {
            book.uses.resize(place + 1, 0);
            book.encodings.resize(place + 1, Box::default());
        }
        (book.uses[place], book.encodings[place]) = (1, encoded.into());
        let (encodings, hasher) = (&book.encodings, &book.hash);
        book.by_encoding.insert_unique(hash, ordinal, |&other| hasher.hash_one(&*encodings[other as usize]));
        self.store.policies.get(ordinal).ok_or(Full)?.store(Some(Arc::new(policy)));
        Ok(ordinal)
    }

    pub fn release_policy(&mut self, ordinal: u32) {
        let book = &mut self.books.policies;
        let Some(uses) = book.uses.get_mut(ordinal as usize).filter(|_| ordinal != NO_POLICY) else { return };
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
        if let Some(cell) = self.store.policies.get(ordinal) {
            cell.store(None);
        }
    }

    // ---- tenants and operators ----

    /// Formats stay for ever: keys of an older one live on. Whether there was a new one among these.
    pub fn add_formats(&mut self, formats: &[KeyFormat]) -> bool {
        formats.iter().filter(|format| self.books.formats.insert(format)).count() > 0
    }

    pub fn publish_formats(&self) {
        self.store.formats.store(Arc::new(self.books.formats.clone()));
    }

    pub fn tenant(&self, id: Uuid) -> Result<(u32, Arc<TenantEntry>), Why> {
        let ordinal = self.store.tenant_ordinal(id).ok_or("no such tenant")?;
        let entry = self.store.tenants.get(ordinal).and_then(|cell| cell.load_full());
        Ok((ordinal, entry.ok_or("a tenant's record is missing")?))
    }

    pub fn write_tenant(&self, ordinal: u32, entry: TenantEntry) {
        if let Some(cell) = self.store.tenants.get(ordinal) {
            cell.store(Some(Arc::new(entry)));
        }
    }

    pub fn add_tenant(&mut self, entry: TenantEntry) -> Result<(), Why> {
        if self.store.tenant_ordinal(entry.id.0).is_some() {
            return Err("the tenant is there already");
        }
        if self.store.tenant_ordinal_of_slug(&entry.slug).is_some() {
            return Err("the tenant's slug is taken");
        }
        let (id_tag, slug_tag) = (tag_of_id(entry.id.0), self.store.tag_of_slug(&entry.slug));
        let ordinal = self.books.tenants.take(&self.store.tenants)?;
        self.write_tenant(ordinal, entry);
        self.store.tenants_by_id.insert(&mut self.books.tenants_by_id, Store::only(id_tag, ordinal))?;
        self.store.tenants_by_slug.insert(&mut self.books.tenants_by_slug, Store::only(slug_tag, ordinal))?;
        Ok(())
    }

    pub fn operator(&self, id: Uuid) -> Result<(u32, Arc<OperatorEntry>), Why> {
        let ordinal = self.store.operator_ordinal(id).ok_or("no such operator")?;
        let entry = self.store.operators.get(ordinal).and_then(|cell| cell.load_full());
        Ok((ordinal, entry.ok_or("an operator's record is missing")?))
    }

    pub fn write_operator(&self, ordinal: u32, entry: OperatorEntry) {
        if let Some(cell) = self.store.operators.get(ordinal) {
            cell.store(Some(Arc::new(entry)));
        }
    }

    pub fn add_operator(&mut self, entry: OperatorEntry) -> Result<(), Why> {
        if self.store.operator_ordinal(entry.id.0).is_some() {
            return Err("the operator is there already");
        }
        let tag = tag_of_id(entry.id.0);
        let ordinal = self.books.operators.take(&self.store.operators)?;
        self.write_operator(ordinal, entry);
        Ok(self.store.operators_by_id.insert(&mut self.books.operators_by_id, Store::only(tag, ordinal))?)
    }

    pub fn index_token(&mut self, operator: u32, digest: &DigestHalf) -> Result<(), Why> {
        self.books.token_count += 1;
        Ok(self.store.tokens.insert(&mut self.books.tokens, Store::only(tag_of(digest), operator))?)
    }

    pub fn end_token(entry: &mut OperatorEntry, id: TokenId) -> Result<(), Why> {
        let token = entry.tokens.iter_mut().find(|token| token.id == id);
        token.ok_or("it names a token that is not there")?.revoked = true;
        Ok(())
    }
}
