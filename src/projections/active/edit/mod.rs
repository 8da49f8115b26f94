//! The single steps that events and loaded rows amount to. The writer's turn is held around them, or the view is shut.

mod credentials;
mod secrets;

pub use credentials::counted;

use std::sync::Arc;

use uuid::Uuid;

use super::entries::{MemberEntry, TenantEntry};
use super::foreign::Foreign;
use super::layout::{TENANT_WORDS, Tenant, tag_of};
use super::slab::Full;
use super::store::{Books, Store, only};
use crate::clock::Timestamp;
use crate::domain::client_format::SecretForm;
use crate::domain::ids::{CredentialId, MemberId, SecretId, StreamId};
use crate::domain::imports::ForeignPrefix;
use crate::domain::key_format::KeyFormat;
use crate::domain::signing_keys::Keys;
use crate::projections::secrets::{DigestHalf, Form};

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
    pub form: Form<'a>,
}

pub struct NewCredential<'a> {
    pub id: CredentialId,
    pub tenant: Uuid,
    pub version: u32,
    pub owner: Option<MemberId>,
    pub name: Option<&'a str>,
    pub expires_at: Option<Timestamp>,
    pub suspended: bool,
    pub revoked: bool,
    /// as [`Policy::encode`] writes it
    pub policy: &'a [u8],
}

impl Edit<'_> {
    /// Formats stay for ever: keys of an older one live on. Whether there was a new one among these.
    pub fn add_formats(&mut self, formats: &[KeyFormat], client_secrets: &[SecretForm]) -> bool {
        let books = &mut *self.books;
        let of_keys = formats.iter().filter(|format| books.formats.insert(format)).count();
        let of_clients =
            client_secrets.iter().filter(|form| books.client_secrets.insert_client_secret(form)).count();
        of_keys + of_clients > 0
    }

    pub fn publish_formats(&self) {
        self.store.forms.set_own(self.books.formats.clone(), self.books.client_secrets.clone());
    }

    /// What texts of imported keys look like, all of it as it is after so many events.
    pub fn declare(&mut self, declared: u32, prefixes: Vec<ForeignPrefix>) {
        self.books.declared = declared;
        self.store.forms.set_foreign(Foreign::of(prefixes));
    }

    /// The keys that tokens are signed with, those that are published, as they are after so many events.
    pub fn set_signing_keys(&mut self, events: u32, keys: Keys) {
        self.books.signing_keys = events;
        self.store.signing_keys.store(Arc::new(keys));
    }

    pub fn add_tenant(&mut self, entry: TenantEntry) -> Result<(), Why> {
        if self.store.tenant_ordinal_of_slug(&entry.slug).is_some() {
            return Err("the tenant's slug is taken");
        }
        let tag = self.store.tag_of_slug(&entry.slug);
        let record = record_of(&entry);
        let ordinal = self.store.tenants.add(&mut self.books.tenants, entry)?;
        self.store.tenant_records.ensure(ordinal)?;
        self.store.tenant_records.write(ordinal, record);
        Ok(self.store.tenants_by_slug.insert(&mut self.books.tenants_by_slug, only(tag, ordinal))?)
    }

    pub fn put_tenant(&self, ordinal: u32, entry: TenantEntry) {
        self.store.tenant_records.write(ordinal, record_of(&entry));
        self.store.tenants.put(ordinal, entry);
    }

    pub fn add_member(&mut self, entry: MemberEntry) -> Result<(), Why> {
        self.store.tenants.find(entry.tenant.0)?;
        self.store.members.add(&mut self.books.members, entry).map(drop)
    }

    /// `now` is the time of the event, by which earlier ones are forgotten.
    pub fn revoke_token(&mut self, token: StreamId, ends_at: Timestamp, now: Timestamp) -> Result<(), Why> {
        self.store.revoked_tokens.add(&mut self.books.revoked_tokens, token.0, ends_at, now)
    }

    pub fn index_token(&mut self, operator: u32, digest: &DigestHalf) -> Result<(), Why> {
        self.books.token_count += 1;
        Ok(self.store.tokens.insert(&mut self.books.tokens, only(tag_of(digest), operator))?)
    }
}

fn record_of(entry: &TenantEntry) -> [u64; TENANT_WORDS] {
    let TenantEntry { id, suspended, default_rate_limit, .. } = *entry;
    Tenant { id: id.0, suspended, default_rate_limit }.words()
}
