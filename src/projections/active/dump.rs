//! The whole view in a form that two views can be compared by.

use std::collections::BTreeMap;

use super::answer::Prefix;
use super::endings;
use super::entries::{MemberEntry, OperatorEntry, TenantEntry};
use super::layout::{Credential, Dead, EXPIRING_WORDS, Expiring, SecretView};
use super::look::{self, Head};
use super::store::{Books, Store};
use crate::clock::Timestamp;
use crate::domain::imports::ForeignPrefix;
use crate::domain::signing_keys::Keys;
use crate::projections::policy::Policy;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
pub struct ViewDump {
    pub applied: u64,
    pub last_at: u64,
    pub tenants: BTreeMap<Uuid, TenantEntry>,
    pub members: BTreeMap<Uuid, MemberEntry>,
    pub credentials: BTreeMap<Uuid, DumpedCredential>,
    pub secrets: BTreeMap<Uuid, DumpedSecret>,
    /// tokens by their ids
    pub operators: BTreeMap<Uuid, OperatorEntry>,
    pub policies: u64,
    /// what was declared of keys from elsewhere, and how many salts of theirs are held
    pub foreign: Vec<ForeignPrefix>,
    pub salts: u64,
    pub signing_keys: Keys,
    /// those that are not over, by the ids of their streams
    pub revoked_tokens: Vec<(Uuid, Timestamp)>,
    /// what may have ended tokens, and which clients belong to whom
    pub endings: (Vec<endings::Dumped>, Vec<(Uuid, Uuid)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct DumpedCredential {
    pub tenant: Uuid,
    pub version: u32,
    pub name: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub suspended: bool,
    pub revoked: bool,
    pub policy: Policy,
    pub owner: Option<Uuid>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DumpedSecret {
    pub credential: Uuid,
    pub prefix: String,
    pub ends_at: Option<Timestamp>,
    pub revoked: bool,
    pub dead: bool,
}

pub fn dump(store: &Store, books: &Books) -> ViewDump {
    let (applied, last_at) = store.head();
    let credential_at = |ordinal| store.credentials.read(ordinal).map(|words| Credential::of(&words));
    let credentials: Vec<Credential> = books.credentials.all().filter_map(credential_at).collect();
    let mut secrets = BTreeMap::new();
    let mut secret = |credential: &Credential, view: SecretView| {
        secrets.insert(view.id, dump_secret(store, credential, view));
    };
    for credential in credentials.iter().filter(|credential| credential.has_active) {
        secret(credential, credential.secret.into());
    }
    let expiring = books.expiring.all().filter_map(|ordinal| store.expiring.read(ordinal));
    for expiring in expiring.filter(|words| *words != [0; EXPIRING_WORDS]).map(|words| Expiring::of(&words)) {
        credential_at(expiring.credential).iter().for_each(|of| secret(of, expiring.secret.into()));
    }
    let dead = books.dead.all().filter_map(|ordinal| store.dead.read(ordinal));
    for dead in dead.map(|words| Dead::of(&words)) {
        credential_at(dead.credential).iter().for_each(|of| secret(of, dead.into()));
    }
    ViewDump {
        applied,
        last_at,
        tenants: tenants(store, books),
        members: members(store, books),
        credentials: credentials.iter().map(|of| (of.id, dump_credential(store, of))).collect(),
        secrets,
        operators: operators(store, books),
        policies: books.policies.in_use(),
        foreign: store.forms.foreign().prefixes(),
        salts: books.salts.count(),
        signing_keys: Keys::clone(&store.signing_keys.load()),
        revoked_tokens: store.revoked_tokens.all(&books.revoked_tokens, Head::of(store).last_at()),
        endings: endings::dump(store, &books.endings, Head::of(store).last_at()),
    }
}

fn tenants(store: &Store, books: &Books) -> BTreeMap<Uuid, TenantEntry> {
    let entries = store.tenants.all(&books.tenants);
    entries.map(|entry| (entry.id.0, TenantEntry::clone(&entry))).collect()
}

fn members(store: &Store, books: &Books) -> BTreeMap<Uuid, MemberEntry> {
    let entries = store.members.all(&books.members);
    entries.map(|entry| (entry.id.0, MemberEntry::clone(&entry))).collect()
}

fn operators(store: &Store, books: &Books) -> BTreeMap<Uuid, OperatorEntry> {
    let entries = store.operators.all(&books.operators);
    let sorted = |entry: &OperatorEntry| {
        let mut entry = entry.clone();
        entry.tokens.sort_by_key(|token| token.id);
        entry
    };
    entries.map(|entry| (entry.id.0, sorted(&entry))).collect()
}

fn dump_credential(store: &Store, credential: &Credential) -> DumpedCredential {
    let policy = store.policies.at(credential.policy);
    let tenant = store.tenants.at(credential.tenant);
    DumpedCredential {
        tenant: tenant.map_or(Uuid::nil(), |tenant| tenant.id.0),
        version: credential.version,
        name: look::name_of(store, credential).flatten().map(|name| name.to_string()),
        expires_at: credential.expires_at,
        suspended: credential.suspended,
        revoked: credential.revoked,
        policy: policy.map(|policy| Policy::clone(&policy)).unwrap_or_default(),
        owner: look::owner_of(store, credential).flatten().map(|owner| owner.id.0),
    }
}

fn dump_secret(store: &Store, credential: &Credential, secret: SecretView) -> DumpedSecret {
    let mut prefix = Prefix::EMPTY;
    look::write_prefix(store, &secret, &mut prefix);
    DumpedSecret {
        credential: credential.id,
        prefix: prefix.to_string(),
        ends_at: secret.ends_at,
        revoked: secret.revoked,
        dead: secret.dead,
    }
}
