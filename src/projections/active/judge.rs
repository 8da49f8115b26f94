//! One question: text in, verdict out. The state is looked at once, whole; then [`access::judge`] decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::Guard;

use super::answer::{Judgement, Kind, Known, Name, NotAnswering, Prefix};
use super::entries::{MemberEntry, TenantEntry};
use super::foreign::{Sought, seek};
use super::index::{Entry, Spot};
use super::layout::{
    ACTIVE, CREDENTIAL_WORDS, Credential, Dead, EXPIRING, Expiring, SecretView, TENANT_WORDS, Tenant, holds,
    holds_dead, tag_of, tag_of_public, tail_of_name, touch,
};
use super::prefetch::prefetch;
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Owner, Reason, Refused, Request};
use crate::domain::formats::Misfit;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::domain::scope::ConcreteScope;
use crate::projections::policy::Policy;
use crate::projections::secrets::DigestHalf;
use crate::vault::{Digesting, Vault};

/// What one look finds of a real secret. It is written where it stays: to hand it on would cost more than to find it.
#[derive(Default)]
pub struct Seen {
    credential: [u64; CREDENTIAL_WORDS],
    /// none: the credential's active one
    secret: Option<SecretView>,
    tenant: [u64; TENANT_WORDS],
    /// only for a call that names an operation
    operations: Kept<TenantEntry>,
    policy: Kept<Policy>,
    owner: Option<Arc<MemberEntry>>,
    name: Option<Name>,
}

/// Shared, and not counted by this reader.
type Kept<T> = Option<Guard<Option<Arc<T>>>>;

/// How many events were applied when it was looked, and the time of the last.
#[derive(Clone, Copy)]
pub struct Head {
    applied: u64,
    last_at: Timestamp,
}

pub fn judge(
    store: &Store,
    vault: &Vault,
    text: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    // What is longest on its way is asked for first.
    let public = tag_of_public(store.seed, text);
    if let Some(public) = public {
        store.secrets.touch(public.tag);
    }
    if !store.ask_formats(|formats| formats.fits(text))
        && let Some(judgement) = of_no_form_of_ours(store, vault, text, request, now)?
    {
        return Ok(judgement);
    }
    let Some(public) = public else { return unknown(store, vault, text, head(store)?, request, now) };
    // The inner half of the digest is worked out while the index is on its way, the outer one while the record is.
    let mut begun = vault.digesting(vault.newest(), text.as_bytes());
    let spot = store.secrets.spot(public.tag);
    let record = spot.as_ref().and_then(|spot| fetch(store, spot.entry));
    let mut first = None;
    for pepper in vault.numbers() {
        let digesting = begun.take().or_else(|| vault.digesting(pepper, text.as_bytes()));
        let Some(digest) = digesting.map(Digesting::finish) else { continue };
        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
        if let Some(place) = record.and_then(tail_of_name) {
            store.texts.touch(place);
        }
        let mut seen = Seen::default();
        let question =
            Question { tag: public.tag, digest: &digest, by_operation: request.operation.is_some() };
        let look = || (question.look(store, spot.as_ref(), &mut seen), Head::of(store));
        let (found, head) = store.lock.read(look).ok_or(NotAnswering)?;
        if found.is_some() {
            // The text is the secret's own, its digest says so: then so is the part of it that may be told.
            let prefix = |secret: &SecretView| {
                Prefix::of(text.get(..public.shared + secret.public.chars()).unwrap_or_default())
            };
            return Ok(answer(seen, prefix, head, request, now));
        }
        // Secrets are only ever added: what was not there later was not there at the first look.
        first.get_or_insert(head);
    }
    let first = first.map_or_else(|| head(store), Ok)?;
    unknown(store, vault, text, first, request, now)
}

/// What was declared, and which formats there are, is told as of the head that the answer names.
#[cold]
fn of_no_form_of_ours(
    store: &Store,
    vault: &Vault,
    text: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Option<Judgement>, NotAnswering> {
    let misfit = || store.ask_formats(|formats| (!formats.fits(text)).then(|| formats.misfit(text)));
    let look = || (misfit(), store.foreign.load(), Head::of(store));
    let (misfit, foreign, head) = store.lock.read(look).ok_or(NotAnswering)?;
    let Some(misfit) = misfit else { return Ok(None) };
    Ok(Some(match seek(store, &foreign, vault, text, request.operation.is_some())? {
        Sought { found: Some((seen, prefix, head)), .. } => answer(seen, |_| prefix, head, request, now),
        Sought { fits: true, .. } => head.refusal(Reason::NotFound, None, now),
        Sought { fits: false, .. } => head.refusal(Reason::Malformed, Some(misfit), now),
    }))
}

/// It is no key of ours; a key from elsewhere may be written as one. `head` is that of a look that did not find it.
#[cold]
#[inline(never)]
fn unknown(
    store: &Store,
    vault: &Vault,
    text: &str,
    head: Head,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let foreign = store.foreign.load();
    Ok(match seek(store, &foreign, vault, text, request.operation.is_some())?.found {
        Some((seen, prefix, head)) => answer(seen, |_| prefix, head, request, now),
        None => head.refusal(Reason::NotFound, None, now),
    })
}

/// Has the machine fetch what the look will read, while the text is being hashed. Gives the record of an active secret,
/// which says where its name stands once it is there.
#[inline]
fn fetch(store: &Store, entry: Entry) -> Option<&[AtomicU64; CREDENTIAL_WORDS]> {
    match entry.kind {
        ACTIVE => store.credentials.get(entry.ordinal).inspect(|record| touch(record)),
        EXPIRING => {
            prefetch(store.expiring.get(entry.ordinal)?);
            None
        }
        _ => {
            prefetch(store.dead.get(entry.ordinal)?);
            None
        }
    }
}

fn head(store: &Store) -> Result<Head, NotAnswering> {
    store.lock.read(|| Head::of(store)).ok_or(NotAnswering)
}

impl Head {
    pub fn of(store: &Store) -> Head {
        let (applied, last_at) = store.head();
        let last_at = i64::try_from(last_at).ok().and_then(Timestamp::from_millis).unwrap_or_default();
        Head { applied, last_at }
    }

    fn position(self) -> u64 {
        self.applied.saturating_sub(1)
    }

    fn refusal(self, reason: Reason, misfit: Option<Misfit>, now: Timestamp) -> Judgement {
        Judgement {
            verdict: Err(Refused { reason, missing_scopes: Vec::new() }),
            misfit,
            position: self.position(),
            judged_at: now.max(self.last_at),
            known: None,
        }
    }
}

/// What a look is for.
struct Question<'q> {
    tag: u32,
    digest: &'q DigestHalf,
    by_operation: bool,
}

impl Question<'_> {
    /// Whether there is such a secret. It is looked for first where it stood before.
    #[inline]
    fn look(&self, store: &Store, spot: Option<&Spot<'_>>, seen: &mut Seen) -> Option<()> {
        let there = spot.filter(|spot| spot.holds()).and_then(|spot| self.records(store, spot.entry, seen));
        there.or_else(|| store.secrets.find(self.tag, |entry| self.records(store, entry, seen)))?;
        self.complete(store, seen)
    }

    #[inline]
    fn records(&self, store: &Store, entry: Entry, seen: &mut Seen) -> Option<()> {
        match entry.kind {
            ACTIVE => {
                seen.credential =
                    store.credentials.read(entry.ordinal).filter(|words| holds(words, self.digest))?;
                seen.secret = None;
            }
            EXPIRING => {
                let words = store.expiring.read(entry.ordinal).filter(|words| holds(words, self.digest))?;
                let expiring = Expiring::of(&words);
                seen.credential = store.credentials.read(expiring.credential)?;
                seen.secret = Some(expiring.secret.into());
            }
            _ => {
                let words = store.dead.read(entry.ordinal).filter(|words| holds_dead(words, self.digest))?;
                let dead = Dead::of(&words);
                seen.credential = store.credentials.read(dead.credential)?;
                seen.secret = Some(dead.into());
            }
        }
        Some(())
    }

    /// `None` only for a look that met the writer.
    #[inline]
    fn complete(&self, store: &Store, seen: &mut Seen) -> Option<()> {
        let credential = Credential::of(&seen.credential);
        seen.tenant = store.tenant_records.read(credential.tenant)?;
        seen.operations = if self.by_operation { Some(store.tenants.load(credential.tenant)?) } else { None };
        seen.policy = Some(store.policies.load(credential.policy)?);
        seen.owner = owner_of(store, &credential)?;
        // The last: its tail may still be on its way.
        seen.name = name_of(store, &credential)?;
        Some(())
    }
}

/// Part of a look for a key from elsewhere, whose prefix is shown as it is known.
pub fn found_by_digest(store: &Store, digest: &DigestHalf, by_operation: bool) -> Option<(Seen, Prefix)> {
    let mut seen = Seen::default();
    Question { tag: tag_of(digest), digest, by_operation }.look(store, None, &mut seen)?;
    let prefix = prefix_of(store, &seen.secret(&Credential::of(&seen.credential)));
    Some((seen, prefix))
}

/// What is known of how a secret begins.
pub fn prefix_of(store: &Store, secret: &SecretView) -> Prefix {
    let mut prefix = Prefix::EMPTY;
    if let Some(shared) = store.prefixes.get(secret.prefix).and_then(|cell| cell.get()) {
        prefix.push(shared.as_bytes());
    }
    secret.public.unpack(&mut prefix);
    prefix
}

impl Seen {
    fn secret(&self, credential: &Credential) -> SecretView {
        self.secret.unwrap_or_else(|| credential.secret.into())
    }
}

/// The outer `None` only for a look that met the writer.
#[inline]
pub fn owner_of(store: &Store, credential: &Credential) -> Option<Option<Arc<MemberEntry>>> {
    match credential.owner.checked_sub(1) {
        None => Some(None),
        Some(ordinal) => store.members.at(ordinal).map(Some),
    }
}

/// The outer `None` only for a look that met the writer.
pub fn name_of(store: &Store, credential: &Credential) -> Option<Option<Name>> {
    credential.name.read(|place| store.texts.word(place))
}

#[inline]
fn answer(
    seen: Seen,
    prefix: impl FnOnce(&SecretView) -> Prefix,
    head: Head,
    request: &Request<'_>,
    now: Timestamp,
) -> Judgement {
    const NO_OPERATIONS: &BTreeMap<String, ConcreteScope> = &BTreeMap::new();
    let (credential, tenant) = (Credential::of(&seen.credential), Tenant::of(&seen.tenant));
    let secret = seen.secret(&credential);
    let judged_at = now.max(head.last_at);
    // A look finds none without.
    let policy = seen.policy.as_deref().and_then(Option::as_ref);
    let Some(policy) = policy else { return head.refusal(Reason::NotFound, None, now) };
    let by_operation = seen.operations.as_deref().and_then(Option::as_ref);
    let owner = seen.owner.as_deref();
    let facts = Facts {
        tenant: TenantId(tenant.id),
        revoked: credential.revoked,
        secret_revoked: secret.revoked,
        secret_ends_at: secret.ends_at,
        expires_at: credential.expires_at,
        tenant_suspended: tenant.suspended,
        suspended: credential.suspended,
        owner: owner.map(|owner| Owner { disabled: owner.disabled, scopes: &owner.scopes }),
        scopes: &policy.scopes,
        ip_rules: &policy.ip_rules,
        operations: by_operation.map_or(NO_OPERATIONS, |tenant| &tenant.operations),
    };
    let verdict = access::judge(&facts, request, judged_at);
    let (position, rate_limit) = (head.position(), policy.rate_limit.under(tenant.default_rate_limit));
    // Whoever may not see the tenant learns nothing of what is in it.
    if matches!(&verdict, Err(refused) if refused.reason == Reason::NotFound) {
        return Judgement { verdict, misfit: None, position, judged_at, known: None };
    }
    let known = Some(Known {
        kind: Kind::ApiKey,
        credential_id: CredentialId(credential.id),
        secret_id: SecretId(secret.id),
        prefix: prefix(&secret),
        name: seen.name,
        tenant_id: TenantId(tenant.id),
        secret_status: secret.status(judged_at),
        secret_ends_at: secret.ends_at.filter(|_| !secret.dead),
        expires_at: credential.expires_at,
        rate_limit,
        policy: seen.policy,
        owner: seen.owner,
    });
    Judgement { verdict, misfit: None, position, judged_at, known }
}
